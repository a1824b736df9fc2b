import { describe, expect, test } from "vitest";
import type { Disposition } from "../../../src/queue/disposition.ts";
import type { ManagedHandler } from "../../../src/queue/managed-receive.ts";
import { Door, HOUR, SECOND } from "../support.ts";
import { TrackedFixture } from "./tracked-fixture.ts";

const failing = (): never => {
  throw new Error("no");
};

describe("a conclusion", () => {
  test("is waited for before the message is settled and the event reported, and the slot is free meanwhile", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdConclusions();
    await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {} });
    await fixture.begin("b", undefined, {}, { concurrency: 1 });
    expect(fixture.runs).toEqual(["a 1", "b 1"]);
    expect(fixture.events.names).toEqual(["started", "started"]);
    expect(await fixture.counts()).toEqual([0, 2, 0, 0]);

    answer({ kind: "ack" });
    await fixture.clock.settle();
    expect(fixture.events.of("completed")).toMatchObject([{ job: { id: "a" } }]);
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);
  });

  test("keeps the lease, however long it takes, and counts among the settlements", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdConclusions();
    for (let sent = 0; sent < 30; sent += 1) await fixture.queue.send("jobs", { type: "mail", payload: {} });
    fixture.tracked(undefined, { concurrency: 1 });
    await fixture.clock.advance(HOUR);
    expect(fixture.events.of("lease_lost")).toEqual([]);
    // Twice the largest batch of settlements.
    const most = 2 * fixture.driver.limits.maxSettleBatch;
    expect(fixture.runs.length).toBe(Math.min(30, most));
    expect(fixture.tracker.calls).toContain(`extended ${fixture.tracker.runs[0]?.message.id}`);

    for (let sent = 0; sent < 30; sent += 1) {
      answer({ kind: "ack" });
      await fixture.clock.settle();
    }
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("that is undefined costs no wait", async () => {
    const fixture = new TrackedFixture();
    await fixture.begin("a");

    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a ack"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  const cancelled: Disposition = { kind: "ack", ran: false, why: "cancelled" };
  test("turns a failure into an acknowledgement, of a job that was cancelled meanwhile", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onConcluding = () => cancelled;
    await fixture.begin("a", failing);

    expect(fixture.events.names).toEqual(["started", "not_run"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("turns a dead letter into a release with a delay", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onConcluding = () => ({ kind: "release", delayMs: 5 * SECOND, why: "store" });
    await fixture.begin("a", failing, { maxAttempts: 1 });
    expect(fixture.events.names).toEqual(["started", "released"]);
    expect(fixture.events.of("released")).toMatchObject([{ why: "store", delayMs: 5 * SECOND }]);

    await fixture.clock.advance(5 * SECOND);
    expect(fixture.runs).toEqual(["a 1", "a 1"]);
  });

  test("turns an acknowledgement into nothing, and the message is redelivered when its lease ends", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onConcluding = () => "abandon";
    await fixture.begin("a");
    expect(fixture.events.names).toEqual(["started", "late"]);
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);
    await fixture.clock.advance(15 * SECOND);
    expect(fixture.tracker.calls).not.toContain("extended a");

    fixture.tracker.onConcluding = () => undefined;
    await fixture.clock.advance(30 * SECOND);
    expect(fixture.runs).toEqual(["a 1", "a 1"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test.each([
    ["throws", failing],
    ["rejects", () => Promise.reject(new Error("a mistake"))],
  ])("that %s abandons its message and says so", async (_, onConcluding) => {
    const fixture = new TrackedFixture();
    fixture.tracker.onConcluding = onConcluding;
    await fixture.begin("a");

    expect(fixture.events.of("warning")).toMatchObject([{ code: "internal" }]);
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);
  });
});

describe("the tracker is told of", () => {
  const dispositions: readonly (readonly [string, ManagedHandler, string])[] = [
    ["a return", () => undefined, "ack"],
    ["a failure", failing, "retry"],
    [
      "a dead letter",
      () => ({ kind: "dead_letter", reason: "unwanted", error: "no" }),
      "dead_letter unwanted",
    ],
    ["a release", () => ({ kind: "release" }), "release"],
  ];
  test.each(dispositions)("%s", async (_, handler, expected) => {
    const fixture = new TrackedFixture();
    fixture.tracker.onConcluding = () => "abandon";
    await fixture.begin("a", handler);

    expect(fixture.tracker.calls).toEqual(["claim a", `concluding a ${expected}`]);
  });

  test("a failure in a drain as of a release, since it costs no attempt", async () => {
    const fixture = new TrackedFixture();
    await fixture.begin(
      "a",
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("stopped")));
        }),
      { maxAttempts: 1 },
      { drainMs: SECOND },
    );
    fixture.stop.abort();
    await fixture.clock.advance(SECOND);

    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a release"]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  });

  test("a message that can be read except for its payload, and not of one whose id cannot be read", async () => {
    const fixture = new TrackedFixture();
    const encoded = { id: "a", type: "mail", payload: "c2VjcmV0", payload_encoding: "aes" };
    await fixture.plant("jobs", { body: JSON.stringify(encoded), attributes: { qp_redrive: "2" } });
    await fixture.plant("jobs", { body: "{" });
    const redrives: number[] = [];
    fixture.tracker.onConcluding = ({ redrive }) => void redrives.push(redrive);
    fixture.tracked();
    await fixture.clock.settle();

    expect(fixture.tracker.calls).toEqual(["concluding a dead_letter malformed", "buried a"]);
    expect(redrives).toEqual([2]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 2]);
  });

  test("no message that waits for a worker that knows its type", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => undefined;
    await fixture.begin("a", () => ({ kind: "unknown_type", delayMs: SECOND }));
    expect(fixture.tracker.calls).toEqual(["claim a"]);
  });

  test("no message that it has never claimed, and that a drain releases", async () => {
    const fixture = new TrackedFixture();
    const door = new Door();
    await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {} });
    await fixture.begin("b", () => door.opened, {}, { concurrencyOf: () => 1 });
    fixture.stop.abort();
    await fixture.clock.settle();
    expect(fixture.tracker.calls).toEqual(["claim a"]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a ack"]);
  });
});

describe("a run that is given up", () => {
  test("is concluded at once, and the end of its handler is reported as late", async () => {
    const fixture = new TrackedFixture();
    const door = new Door();
    await fixture.begin("a", async (_, run) => {
      await door.opened;
      run.giveUp({ kind: "retry", delayMs: HOUR, error: new Error("too long") });
      await door.opened;
      await Promise.resolve();
      return { kind: "ack" };
    });
    const answer = fixture.tracker.holdConclusions();
    door.open();
    await fixture.clock.settle();
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a retry", "late a ack"]);
    expect(fixture.events.names).toEqual(["started", "late"]);
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);

    answer({ kind: "retry", delayMs: HOUR, error: new Error("too long") });
    await fixture.clock.settle();
    expect(fixture.events.names).toEqual(["started", "late", "failed", "retrying"]);
    expect(await fixture.counts()).toEqual([0, 0, 1, 0]);
  });

  test("is reported as late once if its conclusion abandons it", async () => {
    const fixture = new TrackedFixture();
    const door = new Door();
    await fixture.begin("a", (_, run) => {
      fixture.tracker.onConcluding = () => "abandon";
      run.giveUp({ kind: "retry", delayMs: 0, error: new Error("too long") });
      return door.opened;
    });
    expect(fixture.events.names).toEqual(["started"]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.events.names).toEqual(["started", "late"]);
  });
});

describe("a drain", () => {
  test("waits for the conclusion of a run that has ended", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdConclusions();
    const received = await fixture.begin("a");
    fixture.stop.abort();
    await fixture.clock.advance(2 * SECOND);
    expect(received.state).toBe("pending");

    answer({ kind: "ack" });
    await fixture.clock.settle();
    expect(received.state).toBe("resolved");
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("ends at its deadline though a conclusion is not answered, and its message is redelivered", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdConclusions();
    const received = await fixture.begin("a", undefined, {}, { drainMs: SECOND, graceMs: SECOND });
    fixture.stop.abort();
    await fixture.clock.advance(25 * SECOND);
    expect(received.state).toBe("resolved");
    expect(fixture.events.of("warning")).toMatchObject([{ code: "drain_unconfirmed" }]);

    const requests = fixture.requests.length;
    answer({ kind: "ack" });
    await fixture.clock.settle();
    expect(fixture.requests.length).toBe(requests);
    expect(fixture.events.names).toEqual(["started", "warning", "late"]);
    await fixture.clock.advance(60 * SECOND);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  });

  test("gives back a run that does not end once the tracker has recorded it, and reports its late end", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdConclusions();
    const door = new Door();
    const received = await fixture.begin("a", () => door.opened, {}, { drainMs: SECOND, graceMs: SECOND });
    fixture.stop.abort();
    await fixture.clock.advance(2 * SECOND);
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a release"]);
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);

    answer({ kind: "release" });
    await fixture.clock.settle();
    expect(received.error).toMatchObject({ code: "drain_incomplete" });
    expect(fixture.events.names).toEqual(["started", "released"]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a release", "late a ack"]);
    expect(fixture.events.names).toEqual(["started", "released", "late"]);
  });

  test("reports a late failure of a run that it gave back as a release, since it costs no attempt", async () => {
    const fixture = new TrackedFixture();
    const door = new Door();
    await fixture.begin("a", () => door.opened.then(failing), {}, { drainMs: SECOND, graceMs: SECOND });
    fixture.stop.abort();
    await fixture.clock.advance(2 * SECOND);
    door.open();
    await fixture.clock.settle();

    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a release", "late a release"]);
  });
});

describe("the loss of a lease", () => {
  test("during a run leaves its end to the tracker", async () => {
    const fixture = new TrackedFixture();
    const door = new Door();
    await fixture.begin("a", () => door.opened);
    fixture.loseLeases();
    await fixture.clock.advance(16 * SECOND);
    expect(fixture.tracker.calls).toEqual(["claim a", "leaseLost a"]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.tracker.calls).toEqual(["claim a", "leaseLost a", "late a ack"]);
    expect(fixture.events.names).toEqual(["started", "lease_lost", "late"]);
  });

  test("while a conclusion waits settles nothing, whatever the answer", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdConclusions();
    await fixture.begin("a", undefined, {}, { concurrency: 1 });
    fixture.loseLeases();
    await fixture.clock.advance(16 * SECOND);
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a ack", "leaseLost a"]);

    answer({ kind: "ack" });
    await fixture.clock.settle();
    expect(fixture.events.names).toEqual(["started", "lease_lost", "late"]);
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a ack", "leaseLost a"]);

    fixture.fault = () => undefined;
    fixture.tracker.onConcluding = () => undefined;
    await fixture.clock.advance(40 * SECOND);
    expect(fixture.runs).toEqual(["a 1", "a 1"]);
  });
});
