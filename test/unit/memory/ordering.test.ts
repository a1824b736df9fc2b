import { describe, expect, test } from "vitest";
import {
  ack,
  bench,
  type Bench,
  bodies,
  counts,
  kinds,
  LEASE_MS,
  MINUTE,
  never,
  release,
} from "./support.ts";

async function orderedBench(): Promise<Bench> {
  const bed = bench({ capacity: Number.POSITIVE_INFINITY });
  await bed.driver.admin.ensure("jobs", {
    ordering: "by_key",
    brokerMaxDeliveries: 100,
    leaseMs: LEASE_MS,
  });
  return bed;
}

const keyed = (orderingKey: string, body: string) => ({ body, orderingKey });

describe("an ordered queue", () => {
  test("delivers one message of a key at a time, and others freely", async () => {
    const bed = await orderedBench();
    await bed.send(keyed("x", "x1"), keyed("x", "x2"), keyed("y", "y1"), "free1", "free2");
    const deliveries = await bed.receive();
    expect(bodies(deliveries)).toEqual(["x1", "y1", "free1", "free2"]);
    expect(await counts(bed)).toEqual([1, 4, 0]);
    await bed.settle(ack(deliveries[0]!));
    expect(bodies(await bed.receive())).toEqual(["x2"]);
  });

  test("keeps a failed head at its place: its key is blocked, alone", async () => {
    const bed = await orderedBench();
    await bed.send(keyed("x", "x1"), keyed("x", "x2"), keyed("y", "y1"), keyed("y", "y2"));
    const [x1, y1] = await bed.receive();
    await bed.settle(release(x1!, 10_000), ack(y1!));
    expect(bodies(await bed.receive())).toEqual(["y2"]);
    await bed.clock.advance(9_999);
    expect(await bed.receive()).toEqual([]);
    await bed.clock.advance(1);
    const again = await bed.receiveOne();
    expect([again.body, again.deliveryCount]).toEqual(["x1", 2]);
    await bed.settle(release(again));
    expect((await bed.receiveOne()).body).toBe("x1");
    await bed.clock.advance(LEASE_MS);
    expect((await bed.receive())[0]?.body).not.toBe("x2");
  });

  test("passes the key on when a poll waits for it", async () => {
    const bed = await orderedBench();
    await bed.send(keyed("x", "x1"), keyed("x", "x2"));
    const x1 = await bed.receiveOne();
    const polled = bed.source.next(1, never);
    await bed.settle(ack(x1));
    expect(bodies(await polled)).toEqual(["x2"]);
  });

  test("keeps every key's order over many receivers, failures and expiries", async () => {
    const bed = await orderedBench();
    const sources = Array.from({ length: 10 }, () =>
      bed.driver.open("jobs", { prefetch: 5, leaseMs: LEASE_MS }),
    );
    const messages = Array.from({ length: 1_000 }, (_, index) => keyed(`k${index % 16}`, String(index)));
    await bed.send(...messages);
    const done: number[] = [];
    let turn = 0;
    while (done.length < messages.length) {
      for (const source of sources) {
        const stop = new AbortController();
        const polled = source.next(3, stop.signal);
        stop.abort();
        const deliveries = await polled;
        const toSettle = deliveries.flatMap((delivery) => {
          turn += 1;
          if (turn % 7 === 0) return [release(delivery, 500)];
          if (turn % 11 === 0) return [];
          done.push(Number(delivery.body));
          return [ack(delivery)];
        });
        await source.settle(toSettle);
      }
      // Less than one lease has run out on a settled message; unanswered ones come again.
      await bed.clock.advance(LEASE_MS);
    }
    const last = new Map<number, number>();
    for (const index of done) {
      expect(index).toBeGreaterThan(last.get(index % 16) ?? -1);
      last.set(index % 16, index);
    }
  });

  test("an unordered queue becomes ordered, and says so", async () => {
    const bed = bench();
    await bed.send("before");
    expect(await bed.driver.describe("jobs")).toMatchObject({ ordering: "none", dedupWindowMs: 0 });
    await bed.driver.admin.ensure("jobs", { ordering: "by_key", brokerMaxDeliveries: 9, leaseMs: LEASE_MS });
    expect(await bed.driver.describe("jobs")).toMatchObject({
      ordering: "by_key",
      orderingKeyRequired: false,
      dedupWindowMs: 5 * MINUTE,
      brokerMaxDeliveries: 9,
    });
    await bed.driver.admin.ensure("jobs", { brokerMaxDeliveries: 9, leaseMs: LEASE_MS });
    expect((await bed.driver.describe("jobs")).ordering).toBe("by_key");
    await expect(
      bed.driver.admin.ensure("jobs", { ordering: "none", brokerMaxDeliveries: 9, leaseMs: LEASE_MS }),
    ).rejects.toMatchObject({ kind: "permanent" });
    expect(bodies(await bed.receive())).toEqual(["before"]);
  });

  test("an unordered queue ignores keys", async () => {
    const { send, receive } = bench();
    await send(keyed("x", "x1"), keyed("x", "x2"));
    expect(bodies(await receive())).toEqual(["x1", "x2"]);
  });
});

describe("a dedup window", () => {
  test("absorbs a repeated id, even after the first was consumed", async () => {
    const bed = await orderedBench();
    const [first, second] = await bed.send({ body: "a", dedupId: "1" }, { body: "b", dedupId: "1" });
    expect(second).toEqual(first);
    await bed.settle(ack(await bed.receiveOne()));
    expect(kinds(await bed.send({ body: "c", dedupId: "1" }, { body: "d", dedupId: "2" }))).toEqual([
      "ok",
      "ok",
    ]);
    expect(bodies(await bed.receive())).toEqual(["d"]);
  });

  test("ends", async () => {
    const bed = await orderedBench();
    await bed.send({ body: "a", dedupId: "1" });
    await bed.clock.advance(5 * MINUTE - 1);
    await bed.send({ body: "b", dedupId: "1" });
    await bed.clock.advance(1);
    await bed.send({ body: "c", dedupId: "1" });
    expect(bodies(await bed.receive())).toEqual(["a", "c"]);
  });

  test("knows nothing of what was refused", async () => {
    const bed = await orderedBench();
    await bed.send({ body: "a", dedupId: "1", delayMs: -1 });
    await bed.send({ body: "b", dedupId: "1" });
    expect(bodies(await bed.receive())).toEqual(["b"]);
  });

  test("is not there on an unordered queue", async () => {
    const { send, receive } = bench();
    await send({ body: "a", dedupId: "1" }, { body: "b", dedupId: "1" });
    expect(bodies(await receive())).toEqual(["a", "b"]);
  });
});
