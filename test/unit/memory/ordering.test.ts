import { describe, expect, test } from "vitest";
import {
  ack,
  newFixture,
  type Fixture,
  bodies,
  counts,
  kinds,
  LEASE_MS,
  MINUTE,
  never,
  release,
} from "./support.ts";

async function orderedFixture(): Promise<Fixture> {
  const fixture = newFixture({ capacity: Number.POSITIVE_INFINITY });
  await fixture.driver.admin.ensure("jobs", {
    ordering: "by_key",
    brokerMaxDeliveries: 100,
    leaseMs: LEASE_MS,
  });
  return fixture;
}

const keyed = (orderingKey: string, body: string) => ({ body, orderingKey });

describe("an ordered queue", () => {
  test("an ordered queue delivers one message of a key at a time, and messages without a key freely", async () => {
    const fixture = await orderedFixture();
    await fixture.send(keyed("x", "x1"), keyed("x", "x2"), keyed("y", "y1"), "free1", "free2");
    const deliveries = await fixture.receive();
    expect(bodies(deliveries)).toEqual(["x1", "y1", "free1", "free2"]);
    expect(await counts(fixture)).toEqual([1, 4, 0]);
    await fixture.settle(ack(deliveries[0]!));
    expect(bodies(await fixture.receive())).toEqual(["x2"]);
  });

  test("a released head blocks its own key until it is acknowledged, and no other key", async () => {
    const fixture = await orderedFixture();
    await fixture.send(keyed("x", "x1"), keyed("x", "x2"), keyed("y", "y1"), keyed("y", "y2"));
    const [x1, y1] = await fixture.receive();
    await fixture.settle(release(x1!, 10_000), ack(y1!));
    expect(bodies(await fixture.receive())).toEqual(["y2"]);
    await fixture.clock.advance(9_999);
    expect(await fixture.receive()).toEqual([]);
    await fixture.clock.advance(1);
    const again = await fixture.receiveOne();
    expect([again.body, again.deliveryCount]).toEqual(["x1", 2]);
    await fixture.settle(release(again));
    expect((await fixture.receiveOne()).body).toBe("x1");
    await fixture.clock.advance(LEASE_MS);
    expect((await fixture.receive())[0]?.body).not.toBe("x2");
  });

  test("a poll that waits gets the next message of a key as soon as the head is acknowledged", async () => {
    const fixture = await orderedFixture();
    await fixture.send(keyed("x", "x1"), keyed("x", "x2"));
    const x1 = await fixture.receiveOne();
    const polled = fixture.source.next(1, never);
    await fixture.settle(ack(x1));
    expect(bodies(await polled)).toEqual(["x2"]);
  });

  test("the order of every key is kept with many receivers, releases and expired leases", async () => {
    const fixture = await orderedFixture();
    const sources = Array.from({ length: 10 }, () =>
      fixture.driver.open("jobs", { prefetch: 5, leaseMs: LEASE_MS }),
    );
    const messages = Array.from({ length: 1_000 }, (_, index) => keyed(`k${index % 16}`, String(index)));
    await fixture.send(...messages);
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
      await fixture.clock.advance(LEASE_MS);
    }
    const last = new Map<number, number>();
    for (const index of done) {
      expect(index).toBeGreaterThan(last.get(index % 16) ?? -1);
      last.set(index % 16, index);
    }
  });

  test("ensure makes an unordered queue ordered, and never the reverse", async () => {
    const fixture = newFixture();
    await fixture.send("before");
    expect(await fixture.driver.describe("jobs")).toMatchObject({ ordering: "none", dedupWindowMs: 0 });
    await fixture.driver.admin.ensure("jobs", {
      ordering: "by_key",
      brokerMaxDeliveries: 9,
      leaseMs: LEASE_MS,
    });
    expect(await fixture.driver.describe("jobs")).toMatchObject({
      ordering: "by_key",
      orderingKeyRequired: false,
      dedupWindowMs: 5 * MINUTE,
      brokerMaxDeliveries: 9,
    });
    await fixture.driver.admin.ensure("jobs", { brokerMaxDeliveries: 9, leaseMs: LEASE_MS });
    expect((await fixture.driver.describe("jobs")).ordering).toBe("by_key");
    await expect(
      fixture.driver.admin.ensure("jobs", { ordering: "none", brokerMaxDeliveries: 9, leaseMs: LEASE_MS }),
    ).rejects.toMatchObject({ kind: "permanent" });
    expect(bodies(await fixture.receive())).toEqual(["before"]);
  });

  test("an unordered queue ignores ordering keys", async () => {
    const { send, receive } = newFixture();
    await send(keyed("x", "x1"), keyed("x", "x2"));
    expect(bodies(await receive())).toEqual(["x1", "x2"]);
  });
});

describe("a dedup window", () => {
  test("a repeated dedup id is absorbed, even after the first message was acknowledged", async () => {
    const fixture = await orderedFixture();
    const [first, second] = await fixture.send({ body: "a", dedupId: "1" }, { body: "b", dedupId: "1" });
    expect(second).toEqual(first);
    await fixture.settle(ack(await fixture.receiveOne()));
    expect(kinds(await fixture.send({ body: "c", dedupId: "1" }, { body: "d", dedupId: "2" }))).toEqual([
      "ok",
      "ok",
    ]);
    expect(bodies(await fixture.receive())).toEqual(["d"]);
  });

  test("a dedup id is accepted again after its window", async () => {
    const fixture = await orderedFixture();
    await fixture.send({ body: "a", dedupId: "1" });
    await fixture.clock.advance(5 * MINUTE - 1);
    await fixture.send({ body: "b", dedupId: "1" });
    await fixture.clock.advance(1);
    await fixture.send({ body: "c", dedupId: "1" });
    expect(bodies(await fixture.receive())).toEqual(["a", "c"]);
  });

  test("the dedup id of a refused message is not remembered", async () => {
    const fixture = await orderedFixture();
    await fixture.send({ body: "a", dedupId: "1", delayMs: -1 });
    await fixture.send({ body: "b", dedupId: "1" });
    expect(bodies(await fixture.receive())).toEqual(["b"]);
  });

  test("an unordered queue does not deduplicate", async () => {
    const { send, receive } = newFixture();
    await send({ body: "a", dedupId: "1" }, { body: "b", dedupId: "1" });
    expect(bodies(await receive())).toEqual(["a", "b"]);
  });
});
