import { describe, expect, test } from "vitest";
import type { Outgoing } from "../../../src/driver/contract.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { Accepted } from "../../../src/send/request.ts";
import { type Outcome, SECOND, times, watch } from "../support.ts";
import { allOk, Fixture, code, hangs, no, OK } from "./fixture.ts";

describe("a message in a batch", () => {
  test("is sent again without the others if only it failed", async () => {
    const fixture = new Fixture();
    fixture.respond = (_, messages) =>
      Promise.resolve(messages.map(({ body }) => (body === "b" ? no("transient") : OK)));
    const outcomes = ["a", "b", "c"].map((body) => fixture.send(body));
    await fixture.clock.settle();
    expect(outcomes.map(({ state }) => state)).toEqual(["resolved", "pending", "resolved"]);

    fixture.respond = allOk;
    await fixture.clock.advance(SECOND);
    expect(outcomes[1]?.state).toBe("resolved");
    expect(fixture.calls).toEqual([["a", "b", "c"], ["b"]]);
  });

  test.each([
    ["with", "k"],
    ["without", undefined],
  ])("is sent again after a part of the backoff that chance decides, %s an ordering key", async (_, key) => {
    for (const [random, waitMs] of [
      [0.5, 50],
      [0.9, 90],
    ] as const) {
      const fixture = new Fixture({ random: () => random });
      fixture.respond = () => Promise.resolve([no("transient")]);
      fixture.send("a", { ...(key !== undefined && { key }) });
      await fixture.clock.advance(waitMs - 1);
      expect(fixture.calls).toHaveLength(1);

      fixture.respond = allOk;
      await fixture.clock.advance(1);
      expect(fixture.calls).toHaveLength(2);
    }
  });

  test("fails with send_unknown if the answer has no result for it, since it may have been stored", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.resolve([OK]);
    const outcomes = ["a", "b"].map((body) => fixture.send(body, { deadlineMs: 50 }));
    await fixture.clock.advance(50);

    expect(outcomes[0]?.state).toBe("resolved");
    expect(code(outcomes[1] as Outcome<Accepted>)).toBe("send_unknown");
  });

  test("is sent in batches within the count and the bytes that the provider allows", async () => {
    const fixture = new Fixture({ limits: { maxBatchBytes: 100, maxBatch: 4 } });
    const outcomes = times(10, (index) => fixture.send(String(index).repeat(30)));
    await fixture.clock.settle();

    expect(fixture.calls.map((call) => call.length)).toEqual([3, 3, 3, 1]);
    expect(outcomes.every(({ state }) => state === "resolved")).toBe(true);
  });
});

describe("a message with an ordering key", () => {
  test("never overtakes an earlier message that is sent again", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.reject(new DriverError("transient", "away"));
    const outcomes = [fixture.send("1", { key: "k" })];
    await fixture.clock.settle();
    outcomes.push(fixture.send("2", { key: "k" }), fixture.send("3", { key: "k" }));
    await fixture.clock.advance(10);
    expect(new Set(fixture.calls.flat())).toEqual(new Set(["1"]));

    fixture.respond = allOk;
    await fixture.clock.advance(5 * SECOND);
    expect(fixture.calls.slice(-2)).toEqual([["1"], ["2", "3"]]);
    expect(outcomes.every(({ state }) => state === "resolved")).toBe(true);
  });

  test("is not sent after its deadline between later messages", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.reject(new DriverError("transient", "away"));
    const first = fixture.send("1", { key: "k", deadlineMs: 20 });
    await fixture.clock.advance(20);
    expect(code(first)).toBe("send_failed");

    fixture.respond = allOk;
    const second = fixture.send("2", { key: "k" });
    await fixture.clock.advance(5 * SECOND);
    expect(second.state).toBe("resolved");
    expect(fixture.calls.filter((call) => call.includes("1"))).toHaveLength(1);
  });
});

describe("flush", () => {
  test("waits for every answer, including those of repeated calls", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.reject(new DriverError("transient", "away"));
    fixture.send("a");
    const flushed = watch(fixture.sender.flush());
    await fixture.clock.advance(10);
    expect(flushed.state).toBe("pending");

    fixture.respond = allOk;
    await fixture.clock.advance(SECOND);
    expect(flushed.state).toBe("resolved");
  });

  test("ends at the deadline if the provider does not answer", async () => {
    const fixture = new Fixture();
    fixture.respond = hangs;
    fixture.send("a");
    const flushed = watch(fixture.sender.flush());
    await fixture.clock.advance(30 * SECOND);

    expect(flushed.state).toBe("resolved");
  });
});

describe("a delayed message", () => {
  const outgoing: Outgoing = { body: "a", attributes: { type: "t" }, delayMs: 0 };

  test("has its due time in whole milliseconds, rounded up, in the delay queue", async () => {
    const fixture = new Fixture();
    const sent: (Outgoing & { queue: string })[] = [];
    fixture.respond = (queue, messages, signal) => {
      sent.push(...messages.map((message) => ({ ...message, queue })));
      return allOk(queue, messages, signal);
    };
    const done = watch(
      fixture.sender.dispatch("jobs", outgoing, { delayMs: 1_000_000.5, deadlineMs: 1_000 }),
    );
    await fixture.clock.settle();

    expect(done.state).toBe("resolved");
    expect(sent).toMatchObject([{ queue: "jobs-delay", delayMs: 900_000 }]);
    expect(sent[0]?.attributes).toEqual({
      type: "t",
      qp_not_before: String(fixture.clock.now() + 1_000_001),
    });
  });

  test.each([
    ["the queue itself", 1_000],
    ["the delay queue", 1_000_000],
  ])("is sent to %s within its deadline, counted from the start of the call", async (_, delayMs) => {
    const fixture = new Fixture();
    fixture.respond = hangs;
    const terms = { delayMs, deadlineMs: 1_000, since: fixture.clock.monotonic() - 800 };
    const sent = watch(fixture.sender.dispatch("jobs", outgoing, terms));
    await fixture.clock.advance(199);
    expect(sent.state).toBe("pending");

    await fixture.clock.advance(1);
    expect(code(sent)).toBe("send_unknown");
  });

  test("is refused in the delay queue if it has to be cancellable", async () => {
    const fixture = new Fixture({ limits: { cancel: true } });
    const dispatched = fixture.sender.dispatch(
      "jobs",
      { ...outgoing, cancellable: true },
      { delayMs: 1e7, deadlineMs: 1 },
    );

    await expect(dispatched).rejects.toMatchObject({ code: "not_supported" });
  });
});
