import { describe, expect, test } from "vitest";
import type { Outgoing } from "../../../src/driver/contract.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { Accepted } from "../../../src/send/request.ts";
import { type Outcome, SECOND, times, watch } from "../support.ts";
import { allOk, Fixture, code, hangs, no, OK } from "./fixture.ts";

describe("batches", () => {
  test("one that fails fails alone, and is tried again without the others", async () => {
    const bench = new Fixture();
    bench.respond = (_, messages) =>
      Promise.resolve(messages.map(({ body }) => (body === "b" ? no("transient") : OK)));
    const outcomes = ["a", "b", "c"].map((body) => bench.send(body));
    await bench.clock.settle();
    expect(outcomes.map(({ state }) => state)).toEqual(["resolved", "pending", "resolved"]);
    bench.respond = allOk;
    await bench.clock.advance(SECOND);
    expect(outcomes[1]?.state).toBe("resolved");
    expect(bench.calls).toEqual([["a", "b", "c"], ["b"]]);
  });

  test("one that the answer does not mention may have been stored: it is tried again, and unknown in the end", async () => {
    const bench = new Fixture();
    bench.respond = () => Promise.resolve([OK]);
    const outcomes = ["a", "b"].map((body) => bench.send(body, { deadlineMs: 50 }));
    await bench.clock.advance(50);
    expect(outcomes[0]?.state).toBe("resolved");
    expect(code(outcomes[1] as Outcome<Accepted>)).toBe("send_unknown");
  });

  test("keep to the provider's count and bytes", async () => {
    const bench = new Fixture({ limits: { maxBatchBytes: 100, maxBatch: 4 } });
    const outcomes = times(10, (index) => bench.send(String(index).repeat(30)));
    await bench.clock.settle();
    expect(bench.calls.map((call) => call.length)).toEqual([3, 3, 3, 1]);
    expect(outcomes.every(({ state }) => state === "resolved")).toBe(true);
  });
});

describe("ordered lanes", () => {
  test("what comes later never overtakes what is tried again", async () => {
    const bench = new Fixture();
    bench.respond = () => Promise.reject(new DriverError("transient", "away"));
    const outcomes = [bench.send("1", { key: "k" })];
    await bench.clock.settle();
    outcomes.push(bench.send("2", { key: "k" }), bench.send("3", { key: "k" }));
    await bench.clock.advance(10);
    expect(new Set(bench.calls.flat())).toEqual(new Set(["1"]));
    bench.respond = allOk;
    await bench.clock.advance(5 * SECOND);
    expect(bench.calls.slice(-2)).toEqual([["1"], ["2", "3"]]);
    expect(outcomes.every(({ state }) => state === "resolved")).toBe(true);
  });

  test("one whose deadline passed does not come back between the others", async () => {
    const bench = new Fixture();
    bench.respond = () => Promise.reject(new DriverError("transient", "away"));
    const first = bench.send("1", { key: "k", deadlineMs: 20 });
    await bench.clock.advance(20);
    expect(code(first)).toBe("send_failed");
    bench.respond = allOk;
    const second = bench.send("2", { key: "k" });
    await bench.clock.advance(5 * SECOND);
    expect(second.state).toBe("resolved");
    expect(bench.calls.filter((call) => call.includes("1"))).toHaveLength(1);
  });
});

describe("flush", () => {
  test("waits for every answer, also for those that are tried again", async () => {
    const bench = new Fixture();
    bench.respond = () => Promise.reject(new DriverError("transient", "away"));
    bench.send("a");
    const flushed = watch(bench.sender.flush());
    await bench.clock.advance(10);
    expect(flushed.state).toBe("pending");
    bench.respond = allOk;
    await bench.clock.advance(SECOND);
    expect(flushed.state).toBe("resolved");
  });

  test("ends at the deadline where there is no answer", async () => {
    const bench = new Fixture();
    bench.respond = hangs;
    bench.send("a");
    const flushed = watch(bench.sender.flush());
    await bench.clock.advance(30 * SECOND);
    expect(flushed.state).toBe("resolved");
  });
});

describe("a delay", () => {
  const outgoing: Outgoing = { body: "a", attributes: { type: "t" }, delayMs: 0 };

  test("that has to be parked is noted in whole milliseconds, and rounded up", async () => {
    const bench = new Fixture();
    const sent: (Outgoing & { queue: string })[] = [];
    bench.respond = (queue, messages, signal) => {
      sent.push(...messages.map((message) => ({ ...message, queue })));
      return allOk(queue, messages, signal);
    };
    const done = watch(bench.sender.dispatch("jobs", outgoing, { delayMs: 1_000_000.5, deadlineMs: 1_000 }));
    await bench.clock.settle();
    expect(done.state).toBe("resolved");
    expect(sent).toMatchObject([{ queue: "jobs-delay", delayMs: 900_000 }]);
    expect(sent[0]?.attributes).toEqual({ type: "t", qp_not_before: String(bench.clock.now() + 1_000_001) });
  });

  test.each([
    ["natively", 1_000],
    ["in the parking queue", 1_000_000],
  ])("%s: what had passed of the deadline before counts", async (_, delayMs) => {
    const bench = new Fixture();
    bench.respond = hangs;
    const terms = { delayMs, deadlineMs: 1_000, since: bench.clock.now() - 800 };
    const sent = watch(bench.sender.dispatch("jobs", outgoing, terms));
    await bench.clock.advance(199);
    expect(sent.state).toBe("pending");
    await bench.clock.advance(1);
    expect(code(sent)).toBe("send_unknown");
  });

  test("that has to be parked cannot be cancelled", async () => {
    const bench = new Fixture({ limits: { cancel: true } });
    const parked = bench.sender.dispatch(
      "jobs",
      { ...outgoing, cancellable: true },
      { delayMs: 1e7, deadlineMs: 1 },
    );
    await expect(parked).rejects.toMatchObject({ code: "not_supported" });
  });
});
