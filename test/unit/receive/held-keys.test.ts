import { expect, test } from "vitest";
import { RetryAfterError } from "../../../src/errors.ts";
import { MOST_HELD } from "../../../src/receive/capacity.ts";
import { HOUR, MINUTE, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

/** Ordered queues whose provider cannot hold the backoff, and a backoff that it cannot hold. */
const QUEUES = [
  ["service-bus", "jobs", HOUR],
  ["sqs", "jobs.fifo", 2 * HOUR],
] as const;

async function open(emulate: "service-bus" | "sqs", name: string): Promise<Fixture> {
  const fixture = new Fixture({ emulate, queues: [], name });
  await fixture.queue.ensure(name, { ordering: "by_key" });
  return fixture;
}

test.each(QUEUES)(
  "500 keys that wait for their backoff on %s take nothing from healthy keys",
  async (provider, name, afterMs) => {
    const fixture = await open(provider, name);
    const send = (type: string, count: number): Promise<unknown> =>
      Promise.all(
        times(count, (index) =>
          fixture.queue.send(name, { type, payload: index, orderingKey: `${type}-${index}` }),
        ),
      );
    await send("bad", 500);
    const done: string[] = [];
    fixture.receive(({ type, payload }) => {
      if (type === "bad") throw new RetryAfterError(afterMs);
      done.push(String(payload));
    });
    await fixture.clock.advance(MINUTE);
    expect(fixture.events.of("retrying")).toHaveLength(500);

    await send("good", 20);
    await fixture.clock.advance(MINUTE);
    expect(done).toHaveLength(20);
    // They wait for the whole backoff, and each of them fails once.
    expect(fixture.events.of("retrying")).toHaveLength(500);
  },
);

test("messages behind keys that wait for their backoff take nothing from healthy keys", async () => {
  const fixture = await open("sqs", "jobs.fifo");
  for (const key of times(20, (index) => `bad-${index}`))
    for (const payload of [1, 2, 3])
      await fixture.queue.send("jobs.fifo", { type: "bad", payload, orderingKey: key });
  const done: string[] = [];
  fixture.receive(({ type }) => {
    if (type === "bad") throw new RetryAfterError(2 * HOUR);
    done.push(type);
  });
  await fixture.clock.advance(MINUTE);
  await fixture.queue.send("jobs.fifo", { type: "good", payload: 1, orderingKey: "good" });
  await fixture.clock.advance(MINUTE);

  expect(done).toEqual(["good"]);
  expect(fixture.events.of("retrying")).toHaveLength(20);
});

test("a key that waits beyond the bound of held messages is given back, with the delay that the provider can hold", async () => {
  const fixture = await open("sqs", "jobs.fifo");
  const started: number[] = [];
  for (const index of times(MOST_HELD + 1, (one) => one))
    await fixture.queue.send("jobs.fifo", { type: "bad", payload: index, orderingKey: `k${index}` });
  fixture.receive(({ payload }, { attempt }) => {
    if (attempt === 2) started.push(payload as number);
    throw new RetryAfterError(2 * HOUR);
  });
  await fixture.clock.advance(16 * MINUTE);

  // SQS holds a release for 15 minutes.
  expect(started).toEqual([MOST_HELD]);
  expect(fixture.events.of("retrying")).toHaveLength(MOST_HELD + 2);

  await fixture.queue.send("jobs.fifo", { type: "good", payload: -1, orderingKey: "good" });
  await fixture.clock.advance(SECOND);
  expect(fixture.events.of("started").at(-1)?.job.type).toBe("good");
});
