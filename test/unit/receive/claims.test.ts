import { describe, expect, test } from "vitest";
import { PauseController } from "../../../src/lib/pause.ts";
import { Door, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { TrackedFixture } from "./tracked-fixture.ts";

const failing = (): never => {
  throw new Error("no");
};

describe("a handler", () => {
  test("is called once its claim was answered, with the attempt of the answer", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdClaims();
    await fixture.begin("a");
    await fixture.clock.advance(2 * SECOND);
    expect(fixture.runs).toEqual([]);
    expect(fixture.events.names).toEqual([]);
    expect(fixture.tracker.runs[0]?.startedAt).toBe(0);

    answer({ run: true, attempt: 3 });
    await fixture.clock.settle();
    expect(fixture.runs).toEqual(["a 3"]);
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a ack"]);
    expect(fixture.events.of("started")).toMatchObject([{ job: { attempt: 3 }, waitMs: 2 * SECOND }]);
    expect(fixture.events.of("completed")).toMatchObject([{ durationMs: 0 }]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("is called at once if the tracker does not claim its message", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => undefined;
    await fixture.begin("a");

    expect(fixture.runs).toEqual(["a 1"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("has the broker's count of attempts if the claim leaves it open", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => ({ run: true, attempt: undefined });
    await fixture.begin("a", failing, { backoff: { baseMs: 10, jitter: false } });
    await fixture.clock.advance(11);

    expect(fixture.runs).toEqual(["a 1", "a 2"]);
  });

  test("finds the value that the tracker keeps with its run", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = (run) => {
      run.tracking = { fence: 7 };
      return { run: true, attempt: 1 };
    };
    const seen: unknown[] = [];
    await fixture.begin("a", (_, { tracking }) => void seen.push(tracking));

    expect(seen).toEqual([{ fence: 7 }]);
  });
});

describe("a message whose claim is refused", () => {
  test("is acknowledged without a run if its job is over", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => ({
      run: false,
      disposition: { kind: "ack", ran: false, why: "cancelled" },
    });
    await fixture.begin("a");

    expect(fixture.runs).toEqual([]);
    expect(fixture.tracker.calls).toEqual(["claim a"]);
    expect(fixture.events.all.filter(({ event }) => event !== "polled")).toMatchObject([
      { event: "not_run", job: { id: "a" }, why: "cancelled" },
    ]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("is dead-lettered again without a run, and no failure is reported", async () => {
    const fixture = new TrackedFixture();
    const error = new Error("as recorded");
    fixture.tracker.onClaim = () => ({
      run: false,
      disposition: { kind: "dead_letter", reason: "max_attempts", error, ran: false },
    });
    await fixture.begin("a");

    expect(fixture.tracker.calls).toEqual(["claim a", "buried a"]);
    expect(fixture.events.names).toEqual(["dead_lettered"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });

  test("is released for the time that the claim asks for, and no attempt is counted", async () => {
    const fixture = new TrackedFixture();
    let claims = 0;
    fixture.tracker.onClaim = () => {
      claims += 1;
      return claims === 1
        ? { run: false, disposition: { kind: "release", delayMs: 7 * SECOND, why: "busy" } }
        : { run: true, attempt: undefined };
    };
    await fixture.begin("a");
    expect(fixture.events.of("released")).toMatchObject([{ why: "busy", delayMs: 7 * SECOND }]);

    await fixture.clock.advance(7 * SECOND - 1);
    expect(fixture.runs).toEqual([]);
    await fixture.clock.advance(1);
    expect(fixture.runs).toEqual(["a 1"]);
  });

  test("frees its slot, so that the next message can run", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = ({ message }) =>
      message.id === "a"
        ? { run: false, disposition: { kind: "ack", ran: false } }
        : { run: true, attempt: 1 };
    await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {} });
    await fixture.begin("b", undefined, {}, { concurrency: 1 });

    expect(fixture.runs).toEqual(["b 1"]);
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "completed" }]);
  });
});

describe("while a claim waits", () => {
  test("its slot is taken, and other messages wait", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdClaims();
    await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {} });
    await fixture.begin("b", undefined, {}, { concurrency: 1 });
    expect(fixture.tracker.calls).toEqual(["claim a"]);

    answer({ run: true, attempt: 1 });
    await fixture.clock.settle();
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a ack", "claim b"]);
  });

  test("a drain waits for it, and then the message is given back and the tracker told", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdClaims();
    const received = await fixture.begin("a");
    fixture.stop.abort();
    await fixture.clock.advance(SECOND);
    expect(received.state).toBe("pending");

    answer({ run: true, attempt: 1 });
    await fixture.clock.settle();
    expect(received.state).toBe("resolved");
    expect(fixture.runs).toEqual([]);
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a release"]);
    expect(fixture.events.of("released")).toMatchObject([{ why: "drain" }]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  });

  test("the drain deadline releases its message, and a late answer begins nothing", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdClaims();
    const received = await fixture.begin("a", undefined, {}, { drainMs: SECOND, graceMs: SECOND });
    fixture.stop.abort();
    await fixture.clock.advance(2 * SECOND);
    // No handler is left behind.
    expect(received.state).toBe("resolved");
    expect(fixture.events.names).toEqual(["released"]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);

    answer({ run: true, attempt: 1 });
    await fixture.clock.settle();
    expect(fixture.runs).toEqual([]);
    expect(fixture.tracker.calls).toEqual(["claim a", "late a release"]);
  });

  test("a pause gives its message back without an event", async () => {
    const fixture = new TrackedFixture();
    const pause = new PauseController();
    const answer = fixture.tracker.holdClaims();
    await fixture.begin("a", undefined, {}, { pause });
    pause.pause();
    answer({ run: true, attempt: 1 });
    await fixture.clock.settle();

    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a release"]);
    expect(fixture.events.names).toEqual([]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  });

  test("the loss of its lease keeps the handler from being called, and its slot is freed", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdClaims();
    await fixture.begin("a", undefined, {}, { concurrency: 1 });
    fixture.loseLeases();
    await fixture.clock.advance(16 * SECOND);
    expect(fixture.tracker.calls).toEqual(["claim a", "leaseLost a"]);

    answer({ run: true, attempt: 1 });
    await fixture.clock.settle();
    expect(fixture.runs).toEqual([]);
    expect(fixture.tracker.calls).toEqual(["claim a", "leaseLost a", "late a release"]);
    expect(fixture.events.names).toEqual(["lease_lost"]);

    fixture.fault = () => undefined;
    fixture.tracker.onClaim = () => ({ run: true, attempt: 2 });
    await fixture.clock.advance(40 * SECOND);
    expect(fixture.runs).toEqual(["a 2"]);
  });

  test("a refusal that comes after the loss of its lease settles nothing", async () => {
    const fixture = new TrackedFixture();
    const answer = fixture.tracker.holdClaims();
    await fixture.begin("a");
    fixture.loseLeases();
    await fixture.clock.advance(16 * SECOND);
    const settled = fixture.requests.length;
    answer({ run: false, disposition: { kind: "ack", ran: false } });
    await fixture.clock.settle();

    expect(fixture.requests.slice(settled).filter(({ operation }) => operation === "settle")).toEqual([]);
    expect(fixture.events.names).toEqual(["lease_lost"]);
  });
});

describe("the attempt that a claim gives", () => {
  test("decides when the attempts are used up", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => ({ run: true, attempt: 3 });
    await fixture.begin("a", failing, { maxAttempts: 3 });

    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a dead_letter max_attempts", "buried a"]);
    expect(fixture.events.of("failed")).toMatchObject([{ job: { attempt: 3 } }]);
    expect((await fixture.queue.deadLetters("jobs").list())[0]?.info.attempts).toBe(3);
  });

  test("is below the broker's count if deliveries were no runs, and the job keeps its attempts", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => ({ run: true, attempt: 1 });
    await fixture.begin("a", failing, { maxAttempts: 2, backoff: { baseMs: 10, jitter: false } });
    for (let retries = 0; retries < 4; retries += 1) await fixture.clock.advance(10);

    expect(fixture.events.of("dead_lettered")).toEqual([]);
    expect(fixture.runs).toEqual(Array(5).fill("a 1"));
  });

  test("scales the backoff", async () => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = () => ({ run: true, attempt: 4 });
    await fixture.begin("a", failing, { maxAttempts: 9, backoff: { baseMs: 10, factor: 2, jitter: false } });

    expect(fixture.events.of("retrying")).toMatchObject([{ delayMs: 80 }]);
  });
});

describe("a tracker that breaks its contract", () => {
  test.each([
    [
      "throws",
      () => {
        throw new Error("a mistake");
      },
    ],
    ["rejects", () => Promise.reject(new Error("a mistake"))],
    ["answers nothing", () => Promise.resolve(undefined as never)],
  ])("costs no message and no slot if its claim %s", async (_, claim) => {
    const fixture = new TrackedFixture();
    fixture.tracker.onClaim = claim;
    await fixture.begin("a", undefined, {}, { concurrency: 1 });
    expect(fixture.events.of("warning")).toMatchObject([{ code: "internal" }]);

    fixture.tracker.onClaim = () => ({ run: true, attempt: 1 });
    await fixture.clock.advance(40 * SECOND);
    expect(fixture.runs).toEqual(["a 1"]);
  });

  test("costs no message if one of its notifications throws", async () => {
    const fixture = new TrackedFixture();
    const throwing = (): never => {
      throw new Error("a mistake");
    };
    Object.assign(fixture.tracker, {
      extended: throwing,
      buried: throwing,
      leaseLost: throwing,
      late: throwing,
    });
    const door = new Door();
    await fixture.begin("a", () => door.opened.then(failing), { maxAttempts: 1 });
    await fixture.clock.advance(15 * SECOND);
    expect(fixture.events.of("warning")).toMatchObject([{ code: "internal" }]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.events.names).toEqual(["started", "warning", "failed", "warning", "dead_lettered"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });
});

test("a receiver that its tracker pauses fetches nothing until the tracker resumes it", async () => {
  const fixture = new TrackedFixture();
  const pause = new PauseController();
  Object.assign(fixture.tracker, { pause });
  pause.pause();
  await fixture.begin("a", undefined, {}, { pause: new PauseController() });
  expect(fixture.tracker.calls).toEqual([]);

  pause.resume();
  await fixture.clock.settle();
  expect(fixture.runs).toEqual(["a 1"]);
});

test("a receiver without a tracker calls its handlers at once", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {} });
  const seen: unknown[] = [];
  fixture.receive((_, { tracking, attempt }) => void seen.push(tracking, attempt));
  await fixture.clock.settle();

  expect(seen).toEqual([undefined, 1]);
});
