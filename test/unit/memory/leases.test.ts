import { describe, expect, test } from "vitest";
import { ack, bench, bodies, counts, extend, kinds, LEASE_MS, never, release } from "./support.ts";

describe("a delivery", () => {
  test("is what was sent", async () => {
    const { send, receiveOne, clock } = bench();
    const bytes = Buffer.from([0, 1, 255]);
    const [sent] = await send({ body: bytes, attributes: { type: "t" }, orderingKey: "k" });
    bytes.fill(9);
    const { body, attributes, deliveryCount, leaseUntil, enqueuedAt, brokerId, orderingKey, deadLetter } =
      await receiveOne();
    expect(Buffer.from(body)).toEqual(Buffer.from([0, 1, 255]));
    expect({ attributes, deliveryCount, orderingKey, deadLetter }).toEqual({
      attributes: { type: "t" },
      deliveryCount: 1,
      orderingKey: "k",
      deadLetter: undefined,
    });
    expect(sent).toEqual({ ok: true, brokerId });
    expect(enqueuedAt).toBe(clock.now());
    expect(leaseUntil).toBe(clock.now() + LEASE_MS);
  });

  test("comes in the order of the sends, at most as many as were asked for", async () => {
    const { send, receive } = bench();
    await send("a", "b", "c");
    expect(bodies(await receive(2))).toEqual(["a", "b"]);
    expect(bodies(await receive(2))).toEqual(["c"]);
    expect(await receive(2)).toEqual([]);
  });

  test("of one queue is not seen by another", async () => {
    const { driver, send } = bench();
    await send("a");
    const other = driver.open("other", { prefetch: 1, leaseMs: LEASE_MS });
    const stop = new AbortController();
    const polled = other.next(1, stop.signal);
    stop.abort();
    expect(await polled).toEqual([]);
  });
});

describe("a lease", () => {
  test("ends without an answer: the message comes again, counted, with the same id", async () => {
    const { send, receive, receiveOne, clock } = bench();
    await send("a");
    const first = await receiveOne();
    await clock.advance(LEASE_MS - 1);
    expect(await receive()).toEqual([]);
    await clock.advance(1);
    const second = await receiveOne();
    expect([second.deliveryCount, second.brokerId]).toEqual([2, first.brokerId]);
  });

  test("wakes a poll that waits when it ends", async () => {
    const { send, receiveOne, source, clock } = bench();
    await send("a");
    await receiveOne();
    await clock.advance(15_000);
    const polled = source.next(1, never);
    await clock.advance(15_000);
    expect(bodies(await polled)).toEqual(["a"]);
    expect(clock.pending).toBe(0);
  });

  test("that is extended holds from then on for as long as was asked", async () => {
    const { send, receive, receiveOne, settle, clock } = bench();
    await send("a");
    const delivery = await receiveOne();
    await clock.advance(20_000);
    expect(await settle(extend(delivery, 25_000))).toEqual([{ ok: true, leaseUntil: clock.now() + 25_000 }]);
    await clock.advance(24_999);
    expect(await receive()).toEqual([]);
    await clock.advance(1);
    expect((await receive())[0]?.deliveryCount).toBe(2);
  });

  test("may be shortened", async () => {
    const { send, receive, settle, clock } = bench();
    await send("a", "b", "c");
    const [a, b] = await receive(2);
    await settle(extend(b!, 1_000));
    await clock.advance(1_000);
    expect(bodies(await receive())).toEqual(["c", "b"]);
    expect(kinds(await settle(ack(a!)))).toEqual(["ok"]);
  });

  test("that is lost settles nothing", async () => {
    const { send, receiveOne, settle, clock } = bench();
    await send("a");
    const stale = await receiveOne();
    await clock.advance(LEASE_MS);
    const held = await receiveOne();
    expect(kinds(await settle(ack(stale), extend(stale, 1_000), release(stale)))).toEqual([
      "lease_lost",
      "lease_lost",
      "lease_lost",
    ]);
    expect(kinds(await settle(ack(held)))).toEqual(["ok"]);
    expect(kinds(await settle(ack(stale)))).toEqual(["lease_lost"]);
  });

  test("that has ended still acknowledges while nobody else has the message, and does nothing else", async () => {
    const bed = bench();
    await bed.send("a");
    const late = await bed.receiveOne();
    await bed.clock.advance(LEASE_MS);
    expect(kinds(await bed.settle(extend(late, 1_000), release(late), ack(late)))).toEqual([
      "lease_lost",
      "lease_lost",
      "ok",
    ]);
    expect(await bed.receive()).toEqual([]);
    expect(await counts(bed)).toEqual([0, 0, 0]);
  });
});

describe("settling", () => {
  test("an ack removes, and acking twice is no error", async () => {
    const bed = bench();
    await bed.send("a");
    const delivery = await bed.receiveOne();
    expect(kinds(await bed.settle(ack(delivery), ack(delivery)))).toEqual(["ok", "ok"]);
    expect(kinds(await bed.settle(ack(delivery), release(delivery)))).toEqual(["ok", "ok"]);
    expect(kinds(await bed.settle(extend(delivery, 1_000)))).toEqual(["lease_lost"]);
    await bed.clock.advance(LEASE_MS);
    expect(await bed.receive()).toEqual([]);
    expect(await counts(bed)).toEqual([0, 0, 0]);
  });

  test("a release comes back at once, behind the others, and counts", async () => {
    const { send, receive, receiveOne, settle } = bench();
    await send("a", "b");
    expect(kinds(await settle(release(await receiveOne())))).toEqual(["ok"]);
    const deliveries = await receive();
    expect(bodies(deliveries)).toEqual(["b", "a"]);
    expect(deliveries.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 2]);
  });

  test("a release with a delay comes back then, to a poll that waits", async () => {
    const { send, receiveOne, settle, source, clock } = bench();
    await send("a");
    await settle(release(await receiveOne(), 5_000));
    let arrivedAt = 0;
    const polled = source.next(1, never).then((deliveries) => {
      arrivedAt = clock.now();
      return deliveries;
    });
    const start = clock.now();
    await clock.advance(10_000);
    expect((await polled)[0]?.deliveryCount).toBe(2);
    expect(arrivedAt - start).toBe(5_000);
  });

  test("counts are exact across releases and expiries", async () => {
    const { send, receiveOne, settle, clock } = bench();
    await send("a");
    for (let count = 1; count <= 6; count += 1) {
      const delivery = await receiveOne();
      expect(delivery.deliveryCount).toBe(count);
      if (count % 2 === 0) await clock.advance(LEASE_MS);
      else await settle(release(delivery));
    }
  });

  test("one that fails, fails alone", async () => {
    const { send, receive, settle } = bench();
    await send("a", "b");
    const [a, b] = await receive();
    const foreign = { ...a!, receipt: "of somebody else" };
    expect(kinds(await settle(ack(foreign), ack(b!)))).toEqual(["permanent", "ok"]);
  });

  test("is refused where it could only be a mistake", async () => {
    const { send, receiveOne, settle } = bench();
    await send("a");
    const delivery = await receiveOne();
    const letter = { kind: "dead_letter", delivery, reason: "r", description: "d", attributes: {} } as const;
    expect(
      kinds(await settle(release(delivery, -1), release(delivery, Number.NaN), extend(delivery, 0), letter)),
    ).toEqual(["permanent", "permanent", "permanent", "permanent"]);
  });

  test("of a message that another source received works, and frees its prefetch", async () => {
    const { driver, send, source } = bench({ prefetch: 1 });
    const other = driver.open("jobs", { prefetch: 1, leaseMs: LEASE_MS });
    await send("a", "b");
    const [a] = await source.next(1, never);
    await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
    expect(kinds(await other.settle([ack(a!)]))).toEqual(["ok"]);
    expect(bodies(await source.next(1, never))).toEqual(["b"]);
  });
});

test("thousands of leases and delays of mixed length end in time, each once", async () => {
  const bed = bench({ capacity: 5_000, prefetch: 5_000 });
  const { clock, driver, settle } = bed;
  const messages = Array.from({ length: 1_000 }, (_, index) => ({
    body: String(index),
    attributes: {},
    delayMs: 0,
  }));
  await driver.send("jobs", messages, never);
  const deliveries = await bed.receive(1_000);
  const results = await settle(
    ...deliveries.map((delivery, index) => {
      if (index % 4 === 0) return ack(delivery);
      if (index % 4 === 1) return release(delivery, 1 + ((index * 7_919) % 50_000));
      return extend(delivery, 1 + ((index * 104_729) % 60_000));
    }),
  );
  expect(results.every(({ ok }) => ok)).toBe(true);
  const seen = new Set<string>();
  for (let second = 0; second < 60; second += 1) {
    await clock.advance(1_000);
    for (const delivery of await bed.receive(1_000)) {
      const index = Number(delivery.body);
      expect(seen.has(String(delivery.body))).toBe(false);
      seen.add(String(delivery.body));
      const ms = index % 4 === 1 ? 1 + ((index * 7_919) % 50_000) : 1 + ((index * 104_729) % 60_000);
      expect(Math.ceil(ms / 1_000)).toBe(second + 1);
      await settle(ack(delivery));
    }
  }
  expect(seen.size).toBe(750);
  expect(await counts(bed)).toEqual([0, 0, 0]);
});
