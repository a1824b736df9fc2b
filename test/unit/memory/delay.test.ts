import { describe, expect, test } from "vitest";
import { ack, newFixture, bodies, counts, DAY, kinds, release } from "./support.ts";

describe("a delay", () => {
  test("a delayed message is delivered at its time to the millisecond, after months as well", async () => {
    const fixture = newFixture();
    await fixture.send({ body: "soon", delayMs: 1 }, { body: "late", delayMs: 90 * DAY });
    expect(await fixture.receive()).toEqual([]);
    await fixture.clock.advance(1);
    expect(bodies(await fixture.receive())).toEqual(["soon"]);
    await fixture.clock.advance(90 * DAY - 2);
    expect(bodies(await fixture.receive())).toEqual(["soon"]);
    await fixture.clock.advance(1);
    expect(bodies(await fixture.receive())).toEqual(["late"]);
  });

  test("a delay that is negative or not a number is refused", async () => {
    const { send } = newFixture();
    expect(kinds(await send({ delayMs: -1 }, { delayMs: Number.NaN }, {}))).toEqual([
      "permanent",
      "permanent",
      "ok",
    ]);
  });
});

describe("cancelling", () => {
  test("a delayed message can be cancelled once", async () => {
    const fixture = newFixture({ queue: "a:b" });
    const [sent] = await fixture.send({ delayMs: 1_000, cancellable: true });
    const handle = sent?.ok === true ? sent.handle! : "";
    expect(await fixture.driver.cancel!(handle)).toBe(true);
    expect(await fixture.driver.cancel!(handle)).toBe(false);
    expect(await counts(fixture)).toEqual([0, 0, 0]);
    await fixture.clock.advance(1_000);
    expect(await fixture.receive()).toEqual([]);
  });

  test("cancelling a message that was due, delivered or not delayed returns false", async () => {
    const fixture = newFixture();
    const results = await fixture.send(
      { delayMs: 1_000, cancellable: true },
      { delayMs: 1_000, cancellable: true },
      { cancellable: true },
    );
    const [due, retried, undelayed] = results.map((result) => (result.ok ? result.handle! : ""));
    expect(await fixture.driver.cancel!(undelayed!)).toBe(false);
    await fixture.settle(ack(await fixture.receiveOne()));
    await fixture.clock.advance(1_000);
    expect(await fixture.driver.cancel!(due!)).toBe(false);
    // A retry that waits is no delayed send.
    await fixture.receiveOne();
    await fixture.settle(release(await fixture.receiveOne(), 60_000));
    expect(await fixture.driver.cancel!(retried!)).toBe(false);
  });

  test("cancelling an unknown message returns false, and cancelling by an invalid handle fails", async () => {
    const { driver } = newFixture();
    expect(await driver.cancel!("7:nowhere")).toBe(false);
    await expect(driver.cancel!("what")).rejects.toMatchObject({ kind: "permanent" });
  });

  test("a send that is not cancellable returns no handle", async () => {
    const { send } = newFixture();
    const [sent] = await send({ delayMs: 1_000 });
    expect(sent).toEqual({ ok: true, brokerId: expect.any(String) });
  });
});

describe("stats", () => {
  test("counts are exact at the moment of the call", async () => {
    const fixture = newFixture();
    await fixture.send("a", "b", "c", { delayMs: 5_000 });
    expect(await counts(fixture)).toEqual([3, 0, 1]);
    const [a, b] = await fixture.receive(2);
    expect(await counts(fixture)).toEqual([1, 2, 1]);
    await fixture.settle(release(a!, 40_000));
    expect(await counts(fixture)).toEqual([1, 1, 2]);
    await fixture.clock.advance(5_000);
    expect(await counts(fixture)).toEqual([2, 1, 1]);
    await fixture.clock.advance(25_000);
    expect(await counts(fixture)).toEqual([3, 0, 1]);
    expect(kinds(await fixture.settle(ack(b!)))).toEqual(["ok"]);
    expect(await counts(fixture)).toEqual([2, 0, 1]);
    await fixture.clock.advance(10_000);
    const stats = await fixture.driver.stats("jobs");
    expect(stats).toEqual({
      ready: 3,
      inFlight: 0,
      delayed: 0,
      deadLettered: undefined,
      approximate: false,
      asOf: fixture.clock.now(),
    });
  });
});

describe("capacity", () => {
  test("messages beyond the capacity are refused one by one, whether the others are ready, delayed or leased", async () => {
    const fixture = newFixture({ capacity: 3 });
    expect(kinds(await fixture.send("a", { delayMs: 1_000 }, "c", "d"))).toEqual(["ok", "ok", "ok", "full"]);
    const a = await fixture.receiveOne();
    expect(kinds(await fixture.send("e"))).toEqual(["full"]);
    await fixture.settle(ack(a));
    expect(kinds(await fixture.send("e", "f"))).toEqual(["ok", "full"]);
  });

  test("the default capacity is 10,000 messages", async () => {
    const { send } = newFixture();
    for (let sent = 0; sent < 10_000; sent += 1_000)
      await send(...Array.from({ length: 1_000 }, () => "body"));
    expect(kinds(await send("one too many"))).toEqual(["full"]);
  });
});
