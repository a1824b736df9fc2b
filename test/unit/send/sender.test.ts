import { describe, expect, test } from "vitest";
import type { Outgoing } from "../../../src/driver/contract.ts";
import { DriverError, type ErrorKind } from "../../../src/driver/error.ts";
import { SECOND } from "../support.ts";
import { allOk, Fixture, code, hangs, no } from "./fixture.ts";

describe("by the deadline a send is answered with what is known", () => {
  test("send_failed: it was certainly not sent", async () => {
    const bench = new Fixture();
    bench.respond = (_, messages) => Promise.resolve(messages.map(() => no("throttled")));
    const outcome = bench.send("a");
    await bench.clock.advance(29_999);
    expect(outcome.state).toBe("pending");
    expect(bench.calls.length).toBeGreaterThan(3);
    await bench.clock.advance(1);
    expect(outcome.error).toMatchObject({ code: "send_failed", retryable: true, queue: "jobs" });
    expect((outcome.error as Error).message).toContain("it is throttled");
    const calls = bench.calls.length;
    await bench.clock.advance(60 * SECOND);
    expect(bench.calls).toHaveLength(calls);
    expect(bench.clock.pending).toBe(0);
  });

  test("send_unknown: it is under way", async () => {
    const bench = new Fixture();
    bench.respond = hangs;
    const outcome = bench.send("a");
    await bench.clock.advance(30 * SECOND);
    expect(outcome.error).toMatchObject({ code: "send_unknown", retryable: true });
  });

  test("send_unknown: an earlier try may have stored it", async () => {
    const bench = new Fixture();
    bench.respond = () => Promise.reject(new DriverError("ambiguous", "lost"));
    const outcome = bench.send("a");
    await bench.clock.advance(1);
    bench.respond = (_, messages) => Promise.resolve(messages.map(() => no("transient")));
    await bench.clock.advance(30 * SECOND);
    expect(code(outcome)).toBe("send_unknown");
  });

  test("send_unknown: even where a later try is refused for good", async () => {
    const bench = new Fixture();
    bench.respond = () => Promise.reject(new DriverError("ambiguous", "lost"));
    const outcome = bench.send("a");
    await bench.clock.settle();
    bench.respond = (_, messages) => Promise.resolve(messages.map(() => no("permanent")));
    await bench.clock.advance(SECOND);
    expect(code(outcome)).toBe("send_unknown");
  });

  test("send_timeout: it never left this process", async () => {
    const bench = new Fixture();
    bench.respond = hangs;
    const first = bench.send("first", { key: "k" });
    await bench.clock.settle();
    const second = bench.send("second", { key: "k", deadlineMs: 5_000 });
    await bench.clock.advance(5_000);
    expect(code(second)).toBe("send_timeout");
    expect(first.state).toBe("pending");
    await bench.clock.advance(60 * SECOND);
    expect(bench.calls).toEqual([["first"]]);
  });

  test("a call for which nobody waits any more is aborted, and the next goes", async () => {
    const bench = new Fixture();
    bench.respond = hangs;
    bench.send("a", { key: "k", deadlineMs: SECOND });
    await bench.clock.settle();
    const next = bench.send("b", { key: "k" });
    bench.respond = allOk;
    await bench.clock.advance(SECOND);
    expect(next.state).toBe("resolved");
  });
});

describe("at once", () => {
  test.each<[ErrorKind, string]>([
    ["not_found", "not_found"],
    ["auth", "auth"],
    ["too_large", "too_large"],
    ["full", "queue_full"],
    ["permanent", "provider"],
  ])("%s is refused as %s", async (kind, expected) => {
    const bench = new Fixture();
    bench.respond = () => Promise.reject(new DriverError(kind, "no"));
    const outcome = bench.send("a");
    await bench.clock.settle();
    expect(code(outcome)).toBe(expected);
    expect(bench.calls).toHaveLength(1);
  });

  test("what never fits is refused before anything is sent", async () => {
    const bench = new Fixture({ limits: { maxMessageBytes: 10, maxAttributes: 1, maxAttributeBytes: 5 } });
    const send = (fields: Partial<Outgoing>) =>
      bench.sender.send("jobs", { body: "", attributes: {}, delayMs: 0, ...fields }, 1);
    const tooLarge = expect.objectContaining({ code: "too_large" }) as Error;
    await expect(send({ body: "12345678901" })).rejects.toThrow(tooLarge);
    await expect(send({ attributes: { a: "éééé" } })).rejects.toThrow(tooLarge);
    await expect(send({ attributes: { a: "", b: "" } })).rejects.toThrow(tooLarge);
    expect(bench.calls).toEqual([]);
  });
});

describe("the user's signal", () => {
  test("that has aborted sends nothing", async () => {
    const bench = new Fixture();
    const reason = new Error("enough");
    const outcome = bench.send("a", { signal: AbortSignal.abort(reason) });
    await bench.clock.settle();
    expect(outcome.error).toBe(reason);
    expect(bench.calls).toEqual([]);
    await bench.sender.flush();
  });

  test("ends the wait: with its reason where nothing was sent, with send_unknown where something may be", async () => {
    const bench = new Fixture();
    const stop = new AbortController();
    bench.respond = hangs;
    const underWay = bench.send("a", { key: "k", signal: stop.signal });
    await bench.clock.settle();
    const waiting = bench.send("b", { key: "k", signal: stop.signal });
    const reason = new Error("enough");
    stop.abort(reason);
    await bench.clock.settle();
    expect(code(underWay)).toBe("send_unknown");
    expect(waiting.error).toBe(reason);
    expect(bench.calls).toEqual([["a"]]);
  });
});
