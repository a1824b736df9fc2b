import assert from "node:assert/strict";
import { DriverError } from "../../driver/error.ts";
import { PermanentError, RetryAfterError } from "../../errors.ts";
import { alone, caseMaker, type ConformanceCase } from "../case.ts";
import type { HarnessFaults } from "../harness.ts";
import { countDuplicates, job } from "../kit/jobs.ts";
import { lettersOf } from "../kit/letters.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("lifecycle");

const MANY = 10_000;

function breaker(faults: HarnessFaults | undefined): (() => Promise<void>) | undefined {
  return faults?.restart?.bind(faults) ?? faults?.cutConnections?.bind(faults);
}

const restarts = check(
  "lifecycle.restarts",
  "10,000 messages survive a restart, or a cut of every connection, at one third and at one half",
  async (stage) => {
    const breakAll = breaker(stage.harness.faults);
    assert.ok(breakAll);
    const queue = await stage.makeQueue();
    const sender = await stage.connect();
    const ids = await stage.sendMany(sender, queue, MANY);
    const inbox = stage.inbox();
    const behave = inbox.handler(() => stage.sleep(1));
    for (let receivers = 0; receivers < 4; receivers += 1) {
      (await stage.connect()).receive(queue, behave, { concurrency: 50 });
    }
    for (const share of [1 / 3, 1 / 2]) {
      await stage.until(
        `${share} are handled`,
        () => inbox.size >= MANY * share,
        4 * stage.timing.patienceMs,
      );
      assert.ok(inbox.size < MANY, "there is something left to lose");
      await stage.done("the break", breakAll());
    }
    await stage.until(
      "all are handled",
      () => inbox.size >= MANY,
      4 * stage.timing.patienceMs + 2 * stage.leaseMs,
    );
    assert.ok(
      ids.every((id) => inbox.count(id) > 0),
      "none is lost",
    );
    if (inbox.duplicates > 0) stage.notes.push(`duplicates: ${inbox.duplicates}`);
    // Twice what four receivers can have in hand.
    assert.ok(inbox.duplicates <= 2 * 4 * 3 * 50, `duplicates are bounded; there were ${inbox.duplicates}`);
  },
  (_declared, { faults }) =>
    breaker(faults) === undefined
      ? "the harness can neither restart the server nor cut its connections"
      : undefined,
);

const sendThroughCut = check(
  "lifecycle.restarts",
  "what is sent while connections are cut is sent, or reported",
  async (stage) => {
    const breakAll = breaker(stage.harness.faults);
    assert.ok(breakAll);
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    await peer.queue.send(queue, job("before"));
    const sends = Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => peer.queue.send(queue, job(index))),
    );
    await stage.done("the break", breakAll());
    const sent = (await stage.done("the sends end", sends)).flatMap((send) =>
      send.status === "fulfilled" ? [send.value.id] : [],
    );
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("what was confirmed arrives", () => sent.every((id) => inbox.count(id) > 0));
    assert.ok(sent.length > 0);
  },
  (_declared, { faults }) =>
    breaker(faults) === undefined
      ? "the harness can neither restart the server nor cut its connections"
      : undefined,
);

/** Receives twenty while the answers to some requests are lost on their way. */
async function throughLostAnswers(stage: Stage, lose: "receive" | "settle"): Promise<void> {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const ids = await stage.sendMany(peer, queue, 20);
  const isLost = new DriverError("ambiguous", "the connection was cut");
  let losses = 0;
  if (lose === "receive") {
    peer.taps.receive = async (_queue, pass) => {
      const received = await pass();
      if (received.length === 0 || losses >= 2) return received;
      losses += 1;
      throw isLost;
    };
  } else {
    peer.taps.settle = async (_queue, operations, pass) => {
      const results = await pass(operations);
      if (losses >= 2 || !operations.some(({ kind }) => kind === "ack")) return results;
      losses += 1;
      throw isLost;
    };
  }
  const inbox = stage.inbox();
  const receiving = peer.receive(queue, inbox.handler(), { concurrency: 5 });
  const withinMs = 3 * stage.leaseMs + stage.timing.patienceMs;
  await stage.until("all arrive", () => inbox.size >= 20 && losses >= 2, withinMs);
  await stage.pass(stage.leaseMs + stage.lateMs);
  await stage.done("the receiver stops", receiving.stop());
  assert.ok(
    ids.every((id) => inbox.count(id) > 0),
    "none is lost",
  );
  // An answer that is lost mid-receive was never run; one mid-ack had taken effect.
  countDuplicates(stage, inbox.duplicates, 5);
  await stage.assertEmpty(queue);
}

const cutMidReceive = check(
  "lifecycle.cut",
  "receiving resumes by itself after an answer was lost mid-receive",
  (stage) => throughLostAnswers(stage, "receive"),
);

const cutMidAck = check(
  "lifecycle.cut",
  "receiving resumes by itself after an answer was lost mid-ack",
  (stage) => throughLostAnswers(stage, "settle"),
);

const cutForReal = check(
  "lifecycle.cut",
  "receiving resumes by itself after its connection was cut, while idle and while handlers run",
  async (stage) => {
    const cut = breaker(stage.harness.faults);
    assert.ok(cut);
    const queue = await stage.makeQueue();
    const sender = await stage.connect();
    const peer = await stage.connect();
    const inbox = stage.inbox();
    const receiving = peer.receive(
      queue,
      inbox.handler(() => stage.sleep(stage.timing.unitMs / 2)),
    );
    await stage.pass(stage.timing.unitMs / 2);
    await stage.done("a cut while it waits", cut());
    const first = await stage.sendMany(sender, queue, 5);
    await stage.until("they are run", () => first.every((id) => inbox.count(id) > 0));
    await stage.done("a cut while handlers run", cut());
    const second = await stage.sendMany(sender, queue, 5);
    await stage.until("the others are run", () => second.every((id) => inbox.count(id) > 0));
    await stage.pass(stage.leaseMs + stage.lateMs);
    await stage.done("the receiver stops", receiving.stop());
    await stage.assertEmpty(queue);
    assert.ok(inbox.duplicates <= 5, "only what was in hand at a cut can have run twice");
  },
  (_declared, { faults }) =>
    breaker(faults) === undefined ? "the harness cannot cut connections" : undefined,
);

const trace = check(
  "lifecycle.trace",
  "trace context reaches the handler, through retries, delays and redrives",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const traced = {
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      tracestate: "vendor=t61rcWkgMzE,other=00f067aa0ba902b7",
    };
    const { id } = await peer.queue.sendDelayed(queue, { ...job(), trace: traced }, stage.timing.unitMs);
    const { id: untraced } = await peer.queue.send(queue, job());
    const inbox = stage.inbox();
    peer.receive(
      queue,
      inbox.handler(({ message }) => {
        if (message.id !== id) return;
        if (inbox.count(id) === 1) throw new RetryAfterError(stage.timing.unitMs);
        if (inbox.count(id) === 2) throw new PermanentError("not yet");
      }),
    );
    await stage.until(
      "two runs",
      () => inbox.count(id) >= 2,
      2 * stage.timing.unitMs + stage.timing.patienceMs,
    );
    await lettersOf(stage, peer, queue, 1);
    await stage.done("the redrive", peer.queue.deadLetters(queue).redrive());
    await stage.until("the third run", () => inbox.count(id) >= 3);
    assert.deepEqual(
      inbox.of(id).map(({ message }) => message.trace),
      [traced, traced, traced],
    );
    assert.equal(inbox.of(untraced)[0]?.message.trace, undefined, "and no other");
  },
);

export const lifecycleCases: readonly ConformanceCase[] = [
  alone(restarts),
  alone(sendThroughCut),
  cutMidReceive,
  cutMidAck,
  alone(cutForReal),
  trace,
];
