import { describe, expect, test } from "vitest";
import { ack, bench, bodies, counts, DAY, kinds, release } from "./support.ts";

describe("a delay", () => {
  test("is kept to the millisecond, for months too", async () => {
    const bed = bench();
    await bed.send({ body: "soon", delayMs: 1 }, { body: "late", delayMs: 90 * DAY });
    expect(await bed.receive()).toEqual([]);
    await bed.clock.advance(1);
    expect(bodies(await bed.receive())).toEqual(["soon"]);
    await bed.clock.advance(90 * DAY - 2);
    expect(bodies(await bed.receive())).toEqual(["soon"]);
    await bed.clock.advance(1);
    expect(bodies(await bed.receive())).toEqual(["late"]);
  });

  test("that is no delay is refused", async () => {
    const { send } = bench();
    expect(kinds(await send({ delayMs: -1 }, { delayMs: Number.NaN }, {}))).toEqual([
      "permanent",
      "permanent",
      "ok",
    ]);
  });
});

describe("cancelling", () => {
  test("works while the message is delayed, once", async () => {
    const bed = bench({ queue: "a:b" });
    const [sent] = await bed.send({ delayMs: 1_000, cancellable: true });
    const handle = sent?.ok === true ? sent.handle! : "";
    expect(await bed.driver.cancel!(handle)).toBe(true);
    expect(await bed.driver.cancel!(handle)).toBe(false);
    expect(await counts(bed)).toEqual([0, 0, 0]);
    await bed.clock.advance(1_000);
    expect(await bed.receive()).toEqual([]);
  });

  test("is false once the message was due, delivered, or sent without a delay", async () => {
    const bed = bench();
    const results = await bed.send(
      { delayMs: 1_000, cancellable: true },
      { delayMs: 1_000, cancellable: true },
      { cancellable: true },
    );
    const [due, retried, undelayed] = results.map((result) => (result.ok ? result.handle! : ""));
    expect(await bed.driver.cancel!(undelayed!)).toBe(false);
    await bed.settle(ack(await bed.receiveOne()));
    await bed.clock.advance(1_000);
    expect(await bed.driver.cancel!(due!)).toBe(false);
    // A retry that waits is no delayed send.
    await bed.receiveOne();
    await bed.settle(release(await bed.receiveOne(), 60_000));
    expect(await bed.driver.cancel!(retried!)).toBe(false);
  });

  test("of what is not known is false, and of no handle an error", async () => {
    const { driver } = bench();
    expect(await driver.cancel!("7:nowhere")).toBe(false);
    await expect(driver.cancel!("what")).rejects.toMatchObject({ kind: "permanent" });
  });

  test("gives no handle where none was asked for", async () => {
    const { send } = bench();
    const [sent] = await send({ delayMs: 1_000 });
    expect(sent).toEqual({ ok: true, brokerId: expect.any(String) });
  });
});

describe("stats", () => {
  test("are exact at the moment they are asked for", async () => {
    const bed = bench();
    await bed.send("a", "b", "c", { delayMs: 5_000 });
    expect(await counts(bed)).toEqual([3, 0, 1]);
    const [a, b] = await bed.receive(2);
    expect(await counts(bed)).toEqual([1, 2, 1]);
    await bed.settle(release(a!, 40_000));
    expect(await counts(bed)).toEqual([1, 1, 2]);
    await bed.clock.advance(5_000);
    expect(await counts(bed)).toEqual([2, 1, 1]);
    await bed.clock.advance(25_000);
    expect(await counts(bed)).toEqual([3, 0, 1]);
    expect(kinds(await bed.settle(ack(b!)))).toEqual(["ok"]);
    expect(await counts(bed)).toEqual([2, 0, 1]);
    await bed.clock.advance(10_000);
    const stats = await bed.driver.stats("jobs");
    expect(stats).toEqual({
      ready: 3,
      inFlight: 0,
      delayed: 0,
      deadLettered: undefined,
      approximate: false,
      asOf: bed.clock.now(),
    });
  });
});

describe("capacity", () => {
  test("refuses what is too many, entry by entry, wherever the others are", async () => {
    const bed = bench({ capacity: 3 });
    expect(kinds(await bed.send("a", { delayMs: 1_000 }, "c", "d"))).toEqual(["ok", "ok", "ok", "full"]);
    const a = await bed.receiveOne();
    expect(kinds(await bed.send("e"))).toEqual(["full"]);
    await bed.settle(ack(a));
    expect(kinds(await bed.send("e", "f"))).toEqual(["ok", "full"]);
  });

  test("is ten thousand unless it is given", async () => {
    const { send } = bench();
    for (let sent = 0; sent < 10_000; sent += 1_000)
      await send(...Array.from({ length: 1_000 }, () => "body"));
    expect(kinds(await send("one too many"))).toEqual(["full"]);
  });
});
