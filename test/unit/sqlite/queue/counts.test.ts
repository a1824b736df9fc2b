import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { never, outgoing, QueueFixture, send } from "./fixture.ts";

test("25,000 messages of all states, with and without keys, are counted exactly, while the event loop goes on", async () => {
  await using fixture = await QueueFixture.create();
  const clock = new FakeClock();
  const driver = fixture.driver({ clock });
  await driver.admin.ensure("q", { ordering: "by_key", brokerMaxDeliveries: 9, leaseMs: 1_000 });
  for (let batch = 0; batch < 50; batch += 1) {
    const messages = Array.from({ length: 500 }, (_, index) =>
      outgoing(`${batch}-${index}`, {
        delayMs: index % 5 === 0 ? 60_000 : 0,
        ...(index % 5 === 1 && { orderingKey: `key ${(batch * 100 + Math.floor(index / 5)) % 1_500}` }),
        ...(index % 5 === 2 && { orderingKey: "crowded" }),
      }),
    );
    await send(driver, ...messages);
  }
  const source = driver.open("q", { prefetch: 500, leaseMs: 30_000 });
  const leased = await source.next(500, never);
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  expect(await driver.stats("q")).toEqual({
    ready: 20_000 - leased.length,
    inFlight: leased.length,
    delayed: 5_000,
    approximate: false,
    asOf: clock.now(),
  });
  clearInterval(count);
  expect(turns).toBeGreaterThan(1);
  await source.close();
});

test("counts of a database that the application has given are made on its own connection", async () => {
  await using fixture = await QueueFixture.create();
  const database = new DatabaseSync(":memory:");
  const driver = fixture.driver({ database });
  await send(driver, "a", outgoing("b", { delayMs: 5_000 }));
  expect(await driver.stats("q")).toMatchObject({ ready: 1, delayed: 1, inFlight: 0, approximate: false });
  await driver.close();
  expect(database.isOpen).toBe(true);
  database.close();
});
