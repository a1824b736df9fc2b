import assert from "node:assert/strict";
import { DriverError } from "../../driver/error.ts";
import type { Limits } from "../../driver/limits.ts";
import { PermanentError, RetryAfterError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job } from "../kit/jobs.ts";
import { letterOf } from "../kit/letters.ts";
import { failSome } from "../kit/line.ts";
import { unlessClones, unlessWaits } from "../kit/skips.ts";
import type { Stage } from "../kit/stage.ts";

/**
 * What replaces a message is taken by the broker before the message is acknowledged: to fail in between leaves the
 * one, to die in between leaves both.
 */
const acknowledgement = caseMaker("acknowledgement");
const failure = caseMaker("failure");
const delay = caseMaker("delay");

/** A copy that failed is made again after this long, where nothing else brings the message back earlier. */
const COPY_FAILED_MS = 30_000;
const refused = (): DriverError => new DriverError("permanent", "no copies now");

const cloneRefused = acknowledgement(
  "acknowledgement.nack",
  "a nack whose clone the provider refuses leaves the message where it is",
  async (stage) => {
    const queue = await stage.makeQueue({ maxAttempts: 8 });
    const peer = await stage.connect({ limits: { maxReleaseDelayMs: 0 } });
    const { id } = await peer.queue.send(queue, { ...job(), maxAttempts: 8 });
    let refusals = 0;
    peer.taps.send = (_queue, messages, pass) =>
      failSome(messages, () => (refusals += 1) <= 1, refused(), pass);
    const inbox = stage.inbox();
    const receiving = peer.receive(
      queue,
      inbox.handler(() => {
        if (refusals === 0) throw new RetryAfterError(stage.timing.unitMs);
      }),
    );
    await stage.until("it is run again", () => inbox.count(id) > 1, COPY_FAILED_MS + stage.timing.patienceMs);
    await stage.done("the receiver stops", receiving.stop());
    assert.deepEqual(inbox.count(id), 2);
    await stage.assertEmpty(queue);
  },
  unlessClones,
);

/** Lets a process die at a request that matters, and looks whether another one gets the message. */
async function survives(
  stage: Stage,
  id: string,
  queue: string,
  most: number,
  limits: Partial<Limits> = {},
): Promise<void> {
  const inbox = stage.inbox();
  const receiving = (await stage.connect({ limits })).receive(queue, inbox.handler());
  const patienceMs = 2 * Math.min(60_000, stage.declared.limits.maxLeaseMs) + stage.timing.patienceMs;
  await stage.until("another process gets it", () => inbox.count(id) > 0, patienceMs);
  await stage.pass(stage.leaseMs + 2 * stage.timing.unitMs + stage.lateMs);
  assert.ok(inbox.count(id) <= most, `it is there ${most} times at most; it came ${inbox.count(id)} times`);
  await stage.done("the receiver stops", receiving.stop());
}

const diesCloning = acknowledgement(
  "acknowledgement.nack",
  "a process that dies while it sends a clone loses nothing",
  async (stage) => {
    const queue = await stage.makeQueue();
    const doomed = await stage.connect({ limits: { maxReleaseDelayMs: 0 } });
    const { id } = await doomed.queue.send(queue, job());
    doomed.taps.send = (_queue, messages, pass) => doomed.kill().then(() => pass(messages));
    const nack = async (): Promise<void> => {
      throw new RetryAfterError(stage.timing.unitMs);
    };
    doomed.receive(queue, nack, { concurrency: 1 });
    await stage.until("it dies", () => doomed.isDead);
    await survives(stage, id, queue, 1);
  },
  unlessClones,
);

const diesBeforeAck = acknowledgement(
  "acknowledgement.nack",
  "a process that dies between a clone and its acknowledgement leaves two at most, and never none",
  async (stage) => {
    const queue = await stage.makeQueue();
    const doomed = await stage.connect({ limits: { maxReleaseDelayMs: 0 } });
    const { id } = await doomed.queue.send(queue, job());
    doomed.taps.settle = async (_queue, operations, pass) => {
      if (operations.some(({ kind }) => kind === "ack")) await doomed.kill();
      return pass(operations);
    };
    const nack = async (): Promise<void> => {
      throw new RetryAfterError(stage.timing.unitMs);
    };
    doomed.receive(queue, nack, { concurrency: 1 });
    await stage.until("it dies", () => doomed.isDead);
    await survives(stage, id, queue, 2);
  },
  unlessClones,
);

const diesMoving = delay(
  "delay.beyond",
  "a process that dies while it moves a parked message loses nothing",
  async (stage) => {
    const { unitMs } = stage.timing;
    const limits = { nativeDelayMs: 0, maxHopMs: unitMs };
    const queue = await stage.makeQueue();
    const doomed = await stage.connect({ limits });
    const { id } = await doomed.queue.sendDelayed(queue, job(), 2 * unitMs);
    doomed.taps.send = (_queue, messages, pass) => doomed.kill().then(() => pass(messages));
    doomed.receive(queue, async () => {});
    await stage.until("it dies", () => doomed.isDead, 2 * unitMs + stage.timing.patienceMs);
    await survives(stage, id, queue, 1, limits);
  },
  // A parked message that a dead process held comes back when that one's lease ends, which is a long one.
  (declared, harness) =>
    harness.clock === undefined
      ? "the lease of a pump lasts a minute, and the clock cannot be turned"
      : unlessWaits(declared, harness),
);

const letterRefused = failure(
  "failure.backoff",
  "a job whose dead letter cannot be written is kept",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    let fails = true;
    peer.taps.send = (to, messages, pass) => failSome(messages, () => fails && to !== queue, refused(), pass);
    peer.taps.settle = (_queue, operations, pass) =>
      failSome(operations, ({ kind }) => fails && kind === "dead_letter", refused(), pass);
    const { id } = await peer.queue.send(queue, job());
    const inbox = stage.inbox();
    peer.receive(
      queue,
      inbox.handler(() => {
        throw new PermanentError("never");
      }),
    );
    await stage.until("it comes again", () => inbox.count(id) > 1, COPY_FAILED_MS + stage.timing.patienceMs);
    fails = false;
    const letter = await letterOf(stage, peer, queue);
    assert.equal(letter.id, id);
    assert.equal(letter.info.reason, "permanent_error");
  },
);

const diesDeadLettering = failure(
  "failure.backoff",
  "a process that dies while it writes a dead letter loses nothing",
  async (stage) => {
    const queue = await stage.makeQueue();
    const doomed = await stage.connect();
    const { id } = await doomed.queue.send(queue, job());
    const never = async (): Promise<void> => {
      throw new PermanentError("never");
    };
    doomed.taps.send = (_queue, messages, pass) => doomed.kill().then(() => pass(messages));
    doomed.taps.settle = async (_queue, operations, pass) => {
      if (operations.some(({ kind }) => kind === "dead_letter")) await doomed.kill();
      return pass(operations);
    };
    doomed.receive(queue, never, { concurrency: 1 });
    await stage.until("it dies", () => doomed.isDead);
    const next = await stage.connect();
    next.receive(queue, never);
    const letter = await letterOf(stage, next, queue);
    assert.deepEqual([letter.id, letter.info.reason], [id, "permanent_error"]);
  },
);

export const copyCases: readonly ConformanceCase[] = [
  cloneRefused,
  diesCloning,
  diesBeforeAck,
  letterRefused,
  diesDeadLettering,
  diesMoving,
];
