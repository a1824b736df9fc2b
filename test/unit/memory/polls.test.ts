import { describe, expect, test } from "vitest";
import { ack, newFixture, bodies, LEASE_MS, never, outgoing } from "./support.ts";

describe("a long poll", () => {
  test("a poll that waits resolves as soon as a message is sent", async () => {
    const { source, send, clock } = newFixture();
    const polled = source.next(10, never);
    await clock.advance(5_000);
    await send("a", "b");
    expect(bodies(await polled)).toEqual(["a", "b"]);
    expect(clock.pending).toBe(0);
  });

  test("a poll that waits resolves when the first delayed message is due, even if it was sent last", async () => {
    const { source, send, clock } = newFixture();
    const polled = source.next(10, never);
    await clock.settle();
    await send({ body: "later", delayMs: 9_000 }, { body: "sooner", delayMs: 2_000 });
    const start = clock.now();
    expect(await clock.advanceToNext()).toBe(true);
    expect(bodies(await polled)).toEqual(["sooner"]);
    expect(clock.now() - start).toBe(2_000);
  });

  test("a poll without a message resolves empty after 20 seconds", async () => {
    const { source, clock } = newFixture();
    const start = clock.now();
    const polled = source.next(10, never);
    await clock.advance(19_999);
    expect(clock.pending).toBe(1);
    await clock.advanceToNext();
    expect(await polled).toEqual([]);
    expect(clock.now() - start).toBe(20_000);
    expect(clock.pending).toBe(0);
  });

  test("a poll resolves empty at once when its signal aborts or was aborted before", async () => {
    const { source, send, clock } = newFixture();
    const stop = new AbortController();
    const polled = source.next(10, stop.signal);
    await clock.settle();
    stop.abort();
    expect(await polled).toEqual([]);
    expect(clock.pending).toBe(0);
    await send("a");
    expect(await source.next(10, stop.signal)).toEqual([]);
    expect(bodies(await source.next(10, never))).toEqual(["a"]);
  });

  test("polls are served in the order in which they began to wait", async () => {
    const { driver, send } = newFixture();
    const sources = [1, 2, 3].map(() => driver.open("jobs", { prefetch: 2, leaseMs: LEASE_MS }));
    const polled = sources.map((source) => source.next(2, never));
    await send("a", "b", "c");
    expect(bodies(await polled[0]!)).toEqual(["a", "b"]);
    expect(bodies(await polled[1]!)).toEqual(["c"]);
    await sources[2]!.stop();
    expect(await polled[2]).toEqual([]);
  });

  test("any number of waiting polls of a queue share one timer", async () => {
    const { driver, clock } = newFixture();
    const polled = Array.from({ length: 20 }, () =>
      driver.open("jobs", { prefetch: 1, leaseMs: LEASE_MS }).next(1, never),
    );
    await clock.settle();
    expect(clock.pending).toBe(1);
    await clock.advance(20_000);
    expect((await Promise.all(polled)).flat()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe("a source", () => {
  test("a source refuses to hold more messages than its prefetch", async () => {
    const { source, send } = newFixture({ prefetch: 3 });
    await send("a", "b", "c", "d");
    await expect(source.next(4, never)).rejects.toMatchObject({ kind: "permanent" });
    const [a] = await source.next(2, never);
    await expect(source.next(2, never)).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("at most 3"),
    });
    await source.settle([ack(a!)]);
    expect(await source.next(2, never)).toHaveLength(2);
  });

  test("a source refuses a poll for 0 messages, for too many, or beyond the limit of polls", async () => {
    const { source, clock } = newFixture();
    await expect(source.next(0, never)).rejects.toMatchObject({ kind: "permanent" });
    await expect(source.next(1_001, never)).rejects.toMatchObject({ kind: "permanent" });
    const first = source.next(1, never);
    await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
    await clock.advance(20_000);
    expect(await first).toEqual([]);
  });

  test("a stopped source fetches nothing more, and settles until it is closed", async () => {
    const { source, send, receiveOne, clock } = newFixture();
    await send("a", "b");
    const a = await receiveOne();
    expect(await source.stop()).toEqual([]);
    expect(await source.next(1, never)).toEqual([]);
    expect(await source.settle([ack(a)])).toEqual([{ ok: true }]);
    await source.close();
    await source.close();
    await expect(source.settle([ack(a)])).rejects.toMatchObject({ kind: "permanent" });
    await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
    expect(clock.pending).toBe(0);
  });

  test("messages held by a closed source are delivered again after their leases", async () => {
    const { driver, source, send, receiveOne, clock } = newFixture();
    await send("a");
    await receiveOne();
    await source.close();
    const next = driver.open("jobs", { prefetch: 1, leaseMs: LEASE_MS });
    const polled = next.next(1, never);
    await clock.advance(20_000);
    expect(await polled).toEqual([]);
    const again = next.next(1, never);
    await clock.advance(10_000);
    expect((await again)[0]?.deliveryCount).toBe(2);
  });
});

describe("closing the driver", () => {
  test("closing the driver ends waiting polls, leaves no timer, and refuses later calls", async () => {
    const { driver, source, send, clock } = newFixture();
    await send({ body: "a", delayMs: 5_000 });
    const polled = source.next(1, never);
    await clock.settle();
    expect(clock.pending).toBe(1);
    await driver.close();
    await driver.close();
    expect(await polled).toEqual([]);
    expect(clock.pending).toBe(0);
    const closed = { kind: "permanent", message: expect.stringContaining("closed") };
    await expect(driver.send("jobs", [outgoing("a")], never)).rejects.toMatchObject(closed);
    await expect(source.next(1, never)).rejects.toMatchObject(closed);
    await expect(source.settle([])).rejects.toMatchObject(closed);
    await expect(driver.stats("jobs")).rejects.toMatchObject(closed);
    await expect(driver.describe("jobs")).rejects.toMatchObject(closed);
    await expect(driver.admin.drop("jobs")).rejects.toMatchObject(closed);
  });
});
