import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { Delivery, Driver, Source } from "../../../../src/driver/index.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { ack, bodies, outgoing, QueueFixture, release, send } from "./fixture.ts";

const LEASE_MS = 30_000;

/** An ordered queue with a clock that the test turns. */
async function ordered(fixture: QueueFixture): Promise<{ clock: FakeClock; driver: Driver }> {
  const clock = new FakeClock();
  const driver = fixture.driver({ clock });
  await driver.admin.ensure("q", { ordering: "by_key", brokerMaxDeliveries: 9, leaseMs: LEASE_MS });
  return { clock, driver };
}

const keyed = (driver: Driver, ...names: string[]): Promise<unknown> =>
  send(driver, ...names.map((body) => outgoing(body, { orderingKey: body[0] })));

/** Opens a source, and the file of its driver. */
async function open(driver: Driver): Promise<Source> {
  await driver.describe("q");
  return driver.open("q", { prefetch: 100, leaseMs: LEASE_MS });
}

/** The messages that are ready now. */
async function now(source: Source, max: number): Promise<Delivery[]> {
  const abort = new AbortController();
  const polling = source.next(max, abort.signal);
  for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
  abort.abort();
  return polling;
}

test("a claim takes the first messages of several keys, and no later one of a key until they are settled", async () => {
  await using fixture = await QueueFixture.create();
  const { clock, driver } = await ordered(fixture);
  const [one, other] = [await open(driver), await open(fixture.driver({ clock }))];
  await keyed(driver, "a1", "b1", "a2", "b2", "a3");
  const first = await now(one, 2);
  expect(bodies(first)).toEqual(["a1", "b1"]);
  expect(await now(other, 10)).toEqual([]);
  await one.settle([ack(first[0]!)]);
  // With one key, several of its messages.
  expect(bodies(await now(other, 10))).toEqual(["a2", "a3"]);
});

test("messages without a key are claimed beside the keys, in turn", async () => {
  await using fixture = await QueueFixture.create();
  const { driver } = await ordered(fixture);
  const source = await open(driver);
  await keyed(driver, "a1", "b1", "c1", "d1");
  await send(driver, "plain 1", "plain 2", "plain 3");
  const claims = [];
  for (let round = 0; round < 4; round += 1) claims.push(bodies(await now(source, 2)));
  const isPlain = claims.map((claim) => claim.every((body) => body.startsWith("plain")));
  expect(claims.flat()).toHaveLength(7);
  expect(new Set(isPlain.slice(0, 2))).toEqual(new Set([false, true]));
});

test("a message that is released blocks its key until it is due, and stays first", async () => {
  await using fixture = await QueueFixture.create();
  const { clock, driver } = await ordered(fixture);
  const source = await open(driver);
  await keyed(driver, "a1", "a2", "b1");
  const held = await now(source, 10);
  expect(bodies(held)).toEqual(["a1", "a2", "b1"].slice(0, held.length));
  // As the core does: the head waits for its backoff, and those behind it are given back.
  await source.settle(held.map((delivery, index) => release(delivery, index === 0 ? 10_000 : 0)));
  expect(bodies(await now(source, 10))).toEqual(["b1"]);
  await clock.advance(9_999);
  expect(await now(source, 10)).toEqual([]);
  await clock.advance(1);
  expect(bodies(await now(source, 10))).toEqual(["a1", "a2"]);
});

test("a key whose lease has ended is claimed anew, and no settlement of the former claim applies", async () => {
  await using fixture = await QueueFixture.create();
  const { clock, driver } = await ordered(fixture);
  const [former, present] = [await open(driver), await open(fixture.driver({ clock }))];
  await keyed(driver, "a1", "a2", "a3");
  const late = await now(former, 10);
  expect(bodies(late)).toEqual(["a1", "a2", "a3"]);
  await clock.advance(LEASE_MS);
  const [fresh] = await now(present, 1);
  expect(bodies([fresh!])).toEqual(["a1"]);
  // The last two were not delivered again, but the key is in other hands.
  const results = await former.settle([...late.map(ack), release(late[1]!)]);
  expect(results.map((result) => result.ok || result.error.kind)).toEqual(Array(4).fill("lease_lost"));
  await present.settle([ack(fresh!)]);
  expect(bodies(await now(present, 10))).toEqual(["a2", "a3"]);
});

test("a head that waits for its backoff blocks its key, also when the lease of the messages behind it has ended", async () => {
  await using fixture = await QueueFixture.create();
  const { clock, driver } = await ordered(fixture);
  const source = await open(driver);
  await keyed(driver, "a1", "a2");
  const [head] = await now(source, 10);
  await source.settle([release(head!, 2 * LEASE_MS)]);
  await clock.advance(LEASE_MS + 1);
  expect(await now(source, 10)).toEqual([]);
  await clock.advance(LEASE_MS);
  expect(bodies(await now(source, 10))).toEqual(["a1", "a2"]);
});

test("an extension keeps the whole key, and a settled head does not free it while others are held", async () => {
  await using fixture = await QueueFixture.create();
  const { clock, driver } = await ordered(fixture);
  const [holder, other] = [await open(driver), await open(fixture.driver({ clock }))];
  await keyed(driver, "a1", "a2", "a3");
  const held = await now(holder, 2);
  expect(bodies(held)).toEqual(["a1", "a2"]);
  await holder.settle([ack(held[0]!), { kind: "extend", delivery: held[1]!, leaseMs: 2 * LEASE_MS }]);
  await clock.advance(1.5 * LEASE_MS);
  expect(await now(other, 10)).toEqual([]);
  await holder.settle([ack(held[1]!)]);
  expect(bodies(await now(other, 10))).toEqual(["a3"]);
});

test("nothing is left of a key whose messages are gone, and it begins anew", async () => {
  await using fixture = await QueueFixture.create();
  const { driver } = await ordered(fixture);
  const source = await open(driver);
  for (let round = 1; round <= 2; round += 1) {
    await keyed(driver, `a${round}`);
    await source.settle((await now(source, 10)).map(ack));
  }
  const file = new DatabaseSync(fixture.path);
  expect(file.prepare("SELECT * FROM queueport_key_queue").all()).toEqual([]);
  file.close();
});

test("10,000 messages of 40 keys with failures and lost leases are acknowledged in the order of each key", async () => {
  await using fixture = await QueueFixture.create();
  const { clock, driver } = await ordered(fixture);
  const [keys, each] = [40, 250];
  for (let index = 0; index < each; index += 5)
    await send(
      driver,
      ...Array.from({ length: keys * 5 }, (_, at) => {
        const key = at % keys;
        return outgoing(`${key}:${index + Math.floor(at / keys)}`, { orderingKey: `key ${key}` });
      }),
    );
  // A fixed sequence, so that a failure can be repeated.
  let seed = 7;
  const chance = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const sources = await Promise.all(Array.from({ length: 4 }, () => open(fixture.driver({ clock }))));
  const next = new Map<string, number>();
  let [acked, wrong, lost] = [0, 0, 0];
  for (let round = 0; acked < keys * each && round < 20_000; round += 1) {
    const source = sources[round % sources.length]!;
    const claimed = await now(source, 1 + Math.floor(chance() * 60));
    if (claimed.length === 0) await clock.advance(1_000);
    const operations = [];
    const failed = new Set<string>();
    const isLate = chance() < 0.02;
    if (isLate) await clock.advance(LEASE_MS + 1);
    for (const delivery of claimed) {
      const key = delivery.orderingKey!;
      if (!failed.has(key) && chance() > 0.03) operations.push(ack(delivery));
      else {
        operations.push(release(delivery, failed.has(key) ? 0 : 2_000));
        failed.add(key);
      }
    }
    const results = await source.settle(operations);
    for (const [index, operation] of operations.entries()) {
      if (operation.kind !== "ack") continue;
      if (results[index]?.ok !== true) {
        lost += 1;
        continue;
      }
      acked += 1;
      const [key = "", place] = String(operation.delivery.body).split(":");
      if (Number(place) !== (next.get(key) ?? 0)) wrong += 1;
      next.set(key, Number(place) + 1);
    }
  }
  expect({ acked, wrong }).toEqual({ acked: keys * each, wrong: 0 });
  expect(lost).toBe(0);
}, 120_000);
