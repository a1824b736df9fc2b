import { describe, expect, test } from "vitest";
import { ack, newFixture, bodies, counts, extend, kinds, LEASE_MS, never, release } from "./support.ts";

describe("a delivery", () => {
  test("a delivery has the content of the message that was sent", async () => {
    const { send, receiveOne, clock } = newFixture();
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

  test("messages are delivered in the order of their sends, at most as many as a poll asks for", async () => {
    const { send, receive } = newFixture();
    await send("a", "b", "c");
    expect(bodies(await receive(2))).toEqual(["a", "b"]);
    expect(bodies(await receive(2))).toEqual(["c"]);
    expect(await receive(2)).toEqual([]);
  });

  test("a message of one queue is not delivered from another", async () => {
    const { driver, send } = newFixture();
    await send("a");
    const other = driver.open("other", { prefetch: 1, leaseMs: LEASE_MS });
    const stop = new AbortController();
    const polled = other.next(1, stop.signal);
    stop.abort();
    expect(await polled).toEqual([]);
  });
});

describe("a lease", () => {
  test("a message whose lease has ended is delivered again with the same broker id and a higher count", async () => {
    const { send, receive, receiveOne, clock } = newFixture();
    await send("a");
    const first = await receiveOne();
    await clock.advance(LEASE_MS - 1);
    expect(await receive()).toEqual([]);
    await clock.advance(1);
    const second = await receiveOne();
    expect([second.deliveryCount, second.brokerId]).toEqual([2, first.brokerId]);
  });

  test("a poll that waits gets a message as soon as its lease has ended", async () => {
    const { send, receiveOne, source, clock } = newFixture();
    await send("a");
    await receiveOne();
    await clock.advance(15_000);
    const polled = source.next(1, never);
    await clock.advance(15_000);
    expect(bodies(await polled)).toEqual(["a"]);
    expect(clock.pending).toBe(0);
  });

  test("an extended lease lasts for the time that was asked for, from the extension on", async () => {
    const { send, receive, receiveOne, settle, clock } = newFixture();
    await send("a");
    const delivery = await receiveOne();
    await clock.advance(20_000);
    expect(await settle(extend(delivery, 25_000))).toEqual([{ ok: true, leaseUntil: clock.now() + 25_000 }]);
    await clock.advance(24_999);
    expect(await receive()).toEqual([]);
    await clock.advance(1);
    expect((await receive())[0]?.deliveryCount).toBe(2);
  });

  test("a lease can be shortened by an extension", async () => {
    const { send, receive, settle, clock } = newFixture();
    await send("a", "b", "c");
    const [a, b] = await receive(2);
    await settle(extend(b!, 1_000));
    await clock.advance(1_000);
    expect(bodies(await receive())).toEqual(["c", "b"]);
    expect(kinds(await settle(ack(a!)))).toEqual(["ok"]);
  });

  test("settlements by a lost lease are lease_lost and have no effect", async () => {
    const { send, receiveOne, settle, clock } = newFixture();
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

  test("a lease that has ended can still acknowledge while nobody else has the message, and nothing else", async () => {
    const fixture = newFixture();
    await fixture.send("a");
    const late = await fixture.receiveOne();
    await fixture.clock.advance(LEASE_MS);
    expect(kinds(await fixture.settle(extend(late, 1_000), release(late), ack(late)))).toEqual([
      "lease_lost",
      "lease_lost",
      "ok",
    ]);
    expect(await fixture.receive()).toEqual([]);
    expect(await counts(fixture)).toEqual([0, 0, 0]);
  });
});

describe("settling", () => {
  test("a second ack of the same delivery succeeds", async () => {
    const fixture = newFixture();
    await fixture.send("a");
    const delivery = await fixture.receiveOne();
    expect(kinds(await fixture.settle(ack(delivery), ack(delivery)))).toEqual(["ok", "ok"]);
    expect(kinds(await fixture.settle(ack(delivery), release(delivery)))).toEqual(["ok", "ok"]);
    expect(kinds(await fixture.settle(extend(delivery, 1_000)))).toEqual(["lease_lost"]);
    await fixture.clock.advance(LEASE_MS);
    expect(await fixture.receive()).toEqual([]);
    expect(await counts(fixture)).toEqual([0, 0, 0]);
  });

  test("a released message is delivered again at once, behind the others, with a higher count", async () => {
    const { send, receive, receiveOne, settle } = newFixture();
    await send("a", "b");
    expect(kinds(await settle(release(await receiveOne())))).toEqual(["ok"]);
    const deliveries = await receive();
    expect(bodies(deliveries)).toEqual(["b", "a"]);
    expect(deliveries.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 2]);
  });

  test("a message that was released with a delay is delivered after the delay to a poll that waits", async () => {
    const { send, receiveOne, settle, source, clock } = newFixture();
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

  test("the delivery count rises by one with each release and each expired lease", async () => {
    const { send, receiveOne, settle, clock } = newFixture();
    await send("a");
    for (let count = 1; count <= 6; count += 1) {
      const delivery = await receiveOne();
      expect(delivery.deliveryCount).toBe(count);
      if (count % 2 === 0) await clock.advance(LEASE_MS);
      else await settle(release(delivery));
    }
  });

  test("an operation that fails does not affect the other operations of its call", async () => {
    const { send, receive, settle } = newFixture();
    await send("a", "b");
    const [a, b] = await receive();
    const foreign = { ...a!, receipt: "of somebody else" };
    expect(kinds(await settle(ack(foreign), ack(b!)))).toEqual(["permanent", "ok"]);
  });

  test("operations with an invalid time, or without native dead deadLetters, are refused", async () => {
    const { send, receiveOne, settle } = newFixture();
    await send("a");
    const delivery = await receiveOne();
    const deadLetter = {
      kind: "dead_letter",
      delivery,
      reason: "r",
      description: "d",
      attributes: {},
    } as const;
    expect(
      kinds(
        await settle(release(delivery, -1), release(delivery, Number.NaN), extend(delivery, 0), deadLetter),
      ),
    ).toEqual(["permanent", "permanent", "permanent", "permanent"]);
  });

  test("a delivery can be settled by another source, which frees the prefetch of the first", async () => {
    const { driver, send, source } = newFixture({ prefetch: 1 });
    const other = driver.open("jobs", { prefetch: 1, leaseMs: LEASE_MS });
    await send("a", "b");
    const [a] = await source.next(1, never);
    await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
    expect(kinds(await other.settle([ack(a!)]))).toEqual(["ok"]);
    expect(bodies(await source.next(1, never))).toEqual(["b"]);
  });
});

test("thousands of leases and delays of mixed length each end once, at their time", async () => {
  const fixture = newFixture({ capacity: 5_000, prefetch: 5_000 });
  const { clock, driver, settle } = fixture;
  const messages = Array.from({ length: 1_000 }, (_, index) => ({
    body: String(index),
    attributes: {},
    delayMs: 0,
  }));
  await driver.send("jobs", messages, never);
  const deliveries = await fixture.receive(1_000);
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
    for (const delivery of await fixture.receive(1_000)) {
      const index = Number(delivery.body);
      expect(seen.has(String(delivery.body))).toBe(false);
      seen.add(String(delivery.body));
      const ms = index % 4 === 1 ? 1 + ((index * 7_919) % 50_000) : 1 + ((index * 104_729) % 60_000);
      expect(Math.ceil(ms / 1_000)).toBe(second + 1);
      await settle(ack(delivery));
    }
  }
  expect(seen.size).toBe(750);
  expect(await counts(fixture)).toEqual([0, 0, 0]);
});
