import { describe, expect, test } from "vitest";
import type { Outgoing } from "../../../src/driver/contract.ts";
import { DriverError, type ErrorKind } from "../../../src/driver/error.ts";
import { SECOND, watch } from "../support.ts";
import { allOk, Fixture, code, hangs, no } from "./fixture.ts";

describe("a send at its deadline", () => {
  test("fails with send_failed if the provider certainly did not store the message", async () => {
    const fixture = new Fixture();
    fixture.respond = (_, messages) => Promise.resolve(messages.map(() => no("throttled")));
    const outcome = fixture.send("a");
    await fixture.clock.advance(29_999);
    expect(outcome.state).toBe("pending");
    expect(fixture.calls.length).toBeGreaterThan(3);

    await fixture.clock.advance(1);
    expect(outcome.error).toMatchObject({ code: "send_failed", retryable: true, queue: "jobs" });
    expect((outcome.error as Error).message).toContain("it is throttled");

    const calls = fixture.calls.length;
    await fixture.clock.advance(60 * SECOND);
    expect(fixture.calls).toHaveLength(calls);
    expect(fixture.clock.pending).toBe(0);
  });

  test("fails with send_unknown if a call is in flight", async () => {
    const fixture = new Fixture();
    fixture.respond = hangs;
    const outcome = fixture.send("a");
    await fixture.clock.advance(30 * SECOND);

    expect(outcome.error).toMatchObject({ code: "send_unknown", retryable: true });
  });

  test("fails with send_unknown if an earlier call may have stored the message", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.reject(new DriverError("ambiguous", "lost"));
    const outcome = fixture.send("a");
    await fixture.clock.advance(1);
    fixture.respond = (_, messages) => Promise.resolve(messages.map(() => no("transient")));
    await fixture.clock.advance(30 * SECOND);

    expect(code(outcome)).toBe("send_unknown");
  });

  test("fails with send_unknown even if a later call is refused permanently", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.reject(new DriverError("ambiguous", "lost"));
    const outcome = fixture.send("a");
    await fixture.clock.settle();
    fixture.respond = (_, messages) => Promise.resolve(messages.map(() => no("permanent")));
    await fixture.clock.advance(SECOND);

    expect(code(outcome)).toBe("send_unknown");
  });

  test("fails with send_timeout if the message never left this process", async () => {
    const fixture = new Fixture();
    fixture.respond = hangs;
    const first = fixture.send("first", { key: "k" });
    await fixture.clock.settle();
    const second = fixture.send("second", { key: "k", deadlineMs: 5_000 });
    await fixture.clock.advance(5_000);
    expect(code(second)).toBe("send_timeout");
    expect(first.state).toBe("pending");

    await fixture.clock.advance(60 * SECOND);
    expect(fixture.calls).toEqual([["first"]]);
  });

  test("aborts its call, so that the next message of its key is sent", async () => {
    const fixture = new Fixture();
    fixture.respond = hangs;
    fixture.send("a", { key: "k", deadlineMs: SECOND });
    await fixture.clock.settle();
    const next = fixture.send("b", { key: "k" });
    fixture.respond = allOk;
    await fixture.clock.advance(SECOND);

    expect(next.state).toBe("resolved");
  });
});

describe("a message that can never be sent", () => {
  test.each<[ErrorKind, string]>([
    ["not_found", "not_found"],
    ["auth", "auth"],
    ["too_large", "too_large"],
    ["full", "queue_full"],
    ["permanent", "provider"],
  ])("is refused immediately after the driver error %s, with the code %s", async (kind, expected) => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.reject(new DriverError(kind, "no"));
    const outcome = fixture.send("a");
    await fixture.clock.settle();

    expect(code(outcome)).toBe(expected);
    expect(fixture.calls).toHaveLength(1);
  });

  test("is refused without a call if it exceeds a limit of the provider", async () => {
    const fixture = new Fixture({ limits: { maxMessageBytes: 10, maxAttributes: 1, maxAttributeBytes: 5 } });
    const send = (fields: Partial<Outgoing>) =>
      fixture.sender.send("jobs", { body: "", attributes: {}, delayMs: 0, ...fields }, 1);
    const tooLarge = expect.objectContaining({ code: "too_large" }) as Error;

    await expect(send({ body: "12345678901" })).rejects.toThrow(tooLarge);
    await expect(send({ attributes: { a: "éééé" } })).rejects.toThrow(tooLarge);
    await expect(send({ attributes: { a: "", b: "" } })).rejects.toThrow(tooLarge);
    expect(fixture.calls).toEqual([]);
  });
});

describe("the signal of the user", () => {
  test("prevents the send if it has already aborted", async () => {
    const fixture = new Fixture();
    const reason = new Error("enough");
    const outcome = fixture.send("a", { signal: AbortSignal.abort(reason) });
    await fixture.clock.settle();

    expect(outcome.error).toBe(reason);
    expect(fixture.calls).toEqual([]);
    await fixture.sender.flush();
  });

  test.each([
    ["carried by the provider", 1_000],
    ["carried by the delay queue", 1_000_000],
  ])("ends a send whose delay is %s", async (_, delayMs) => {
    const fixture = new Fixture();
    const stop = new AbortController();
    fixture.respond = hangs;
    const outgoing = { body: "a", attributes: {}, delayMs: 0 };
    const plan = { delayMs, deadlineMs: 30_000, signal: stop.signal };
    const sent = watch(fixture.sender.dispatch("jobs", outgoing, plan));
    await fixture.clock.settle();
    expect(fixture.calls).toEqual([["a"]]);

    stop.abort(new Error("enough"));
    await fixture.clock.settle();
    expect(code(sent)).toBe("send_unknown");
  });

  test("rejects with its reason if nothing was sent, and with send_unknown if a call is in flight", async () => {
    const fixture = new Fixture();
    const stop = new AbortController();
    fixture.respond = hangs;
    const inFlight = fixture.send("a", { key: "k", signal: stop.signal });
    await fixture.clock.settle();
    const waiting = fixture.send("b", { key: "k", signal: stop.signal });
    const reason = new Error("enough");
    stop.abort(reason);
    await fixture.clock.settle();

    expect(code(inFlight)).toBe("send_unknown");
    expect(waiting.error).toBe(reason);
    expect(fixture.calls).toEqual([["a"]]);
  });
});

test("senders of thousands of queues are forgotten when they have nothing to send, and the others keep their order", async () => {
  const fixture = new Fixture();
  const outgoing: Outgoing = { body: "busy", attributes: {}, delayMs: 0, orderingKey: "k" };
  const held = new Promise<void>(() => {});
  fixture.respond = async (queue, messages, signal) => {
    if (queue === "busy") await held;
    return allOk(queue, messages, signal);
  };
  void fixture.sender.send("busy", outgoing, 30_000).catch(() => undefined);
  await fixture.clock.settle();
  for (let index = 0; index < 3_000; index += 1)
    await fixture.sender.send(`queue-${index}`, { ...outgoing, body: "b" }, 30_000);
  expect(fixture.sender.senders).toBeLessThanOrEqual(1_000);

  const before = fixture.calls.length;
  void fixture.sender.send("busy", { ...outgoing, body: "later" }, 30_000).catch(() => undefined);
  await fixture.clock.settle();
  expect(fixture.calls).toHaveLength(before);
});
