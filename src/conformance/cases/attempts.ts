import assert from "node:assert/strict";
import { RetryAfterError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import type { Declared, Harness } from "../harness.ts";
import { job } from "../kit/jobs.ts";
import { unlessClones, unlessCounts } from "../kit/skips.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("acknowledgement");

function clones(declared: Declared, harness: Harness): string | undefined {
  return unlessClones(declared, harness) ?? unlessCounts(declared);
}

/** Fails five runs with a delay and passes the sixth; and looks at the attempt that each was told. */
async function acrossNacks(stage: Stage, delayMs: number, maxReleaseDelayMs?: number): Promise<void> {
  const queue = await stage.makeQueue({ maxAttempts: 6 });
  const limits = maxReleaseDelayMs === undefined ? {} : { maxReleaseDelayMs };
  const peer = await stage.connect({ limits });
  const { id } = await peer.queue.send(queue, { ...job(), maxAttempts: 6 });
  const inbox = stage.inbox();
  const receiving = peer.receive(
    queue,
    inbox.handler(({ attempt }) => {
      if (attempt < 6) throw new RetryAfterError(delayMs);
    }),
  );
  await stage.until("the sixth run", () => inbox.count(id) >= 6, 6 * delayMs + stage.timing.patienceMs);
  await stage.done("the receiver stops", receiving.stop());
  assert.deepEqual(inbox.attempts(id), [1, 2, 3, 4, 5, 6]);
  await stage.assertEmpty(queue);
}

const nacks = check(
  "acknowledgement.attempts",
  "attempts are 1, 2, 3 … across nacks",
  (stage) => acrossNacks(stage, 0),
  unlessCounts,
);

const delayedNacks = check(
  "acknowledgement.attempts",
  "attempts are 1, 2, 3 … across nacks with a delay",
  (stage) => acrossNacks(stage, stage.timing.unitMs / 2),
  unlessCounts,
);

const clonedNacks = check(
  "acknowledgement.attempts",
  "attempts are 1, 2, 3 … across nacks that are carried by clones",
  (stage) => acrossNacks(stage, stage.timing.unitMs, 0),
  clones,
);

const expiries = check(
  "acknowledgement.attempts",
  "attempts are 1, 2, 3 … across lease expiries and deaths of the process",
  async (stage) => {
    const queue = await stage.makeQueue();
    const { id } = await (await stage.connect()).queue.send(queue, job());
    const inbox = stage.inbox();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const doomed = await stage.connect();
      doomed.receive(
        queue,
        inbox.handler(() => stage.hang()),
        { concurrency: 1 },
      );
      await stage.until(`run ${attempt}`, () => inbox.count(id) >= attempt, 2 * stage.timing.patienceMs);
      await doomed.kill();
    }
    (await stage.connect()).receive(queue, inbox.handler(), { concurrency: 1 });
    await stage.until("run 4", () => inbox.count(id) >= 4, 2 * stage.timing.patienceMs);
    assert.deepEqual(inbox.attempts(id), [1, 2, 3, 4]);
  },
  unlessCounts,
);

/** A message that meets, in turn, a nack in place, a clone, a death and an orderly restart of its process. */
const mixed = check(
  "acknowledgement.attempts",
  "attempts are 1, 2, 3 … across nacks, clones, deaths and restarts together",
  async (stage) => {
    const { unitMs, patienceMs } = stage.timing;
    const queue = await stage.makeQueue({ maxAttempts: 8 });
    const { id } = await (await stage.connect()).queue.send(queue, { ...job(), maxAttempts: 8 });
    const inbox = stage.inbox();
    const ends = [
      { limits: {}, dies: false, delayMs: 0 },
      { limits: { maxReleaseDelayMs: 0 }, dies: false, delayMs: unitMs },
      { limits: {}, dies: true, delayMs: 0 },
      { limits: {}, dies: false, delayMs: unitMs },
      { limits: { maxReleaseDelayMs: 0 }, dies: false, delayMs: unitMs },
      { limits: {}, dies: true, delayMs: 0 },
    ];
    for (const [index, { limits, dies, delayMs }] of ends.entries()) {
      const peer = await stage.connect({ limits });
      // The process that fails this run is asked to stop while it does, so that the next run is another's.
      const behave = inbox.handler(async () => {
        if (dies) return stage.hang();
        const stopped = receiving.stop();
        void stopped.catch(() => {});
        await stage.sleep(1);
        throw new RetryAfterError(delayMs);
      });
      const receiving = peer.receive(queue, behave, { concurrency: 1 });
      await stage.until(`run ${index + 1}`, () => inbox.count(id) > index, 2 * patienceMs);
      if (dies) {
        // A copy that was moved out of the parking queue is acknowledged there first, or it would come twice.
        await stage.pass(stage.timing.unitMs / 2);
        await peer.kill();
      } else {
        const ended = receiving.ended.then(() => peer.queue.close());
        await stage.done("the process ends", ended);
      }
    }
    const last = await stage.connect();
    const receiving = last.receive(queue, inbox.handler(), { concurrency: 1 });
    await stage.until("the last run", () => inbox.count(id) >= 7, 2 * patienceMs);
    await stage.done("the receiver stops", receiving.stop());
    assert.deepEqual(inbox.attempts(id), [1, 2, 3, 4, 5, 6, 7]);
    await stage.assertEmpty(queue);
  },
  clones,
);

const handedBack = check(
  "acknowledgement.hand_back",
  "a message that ten drains hand back unstarted is still run, with maxAttempts 1",
  async (stage) => {
    const queue = await stage.makeQueue({ maxAttempts: 1 });
    const { id } = await (await stage.connect()).queue.send(queue, { ...job("in hand"), maxAttempts: 1 });
    const inbox = stage.inbox();
    let deliveries = 0;
    for (let drains = 1; drains <= 10; drains += 1) {
      const peer = await stage.connect();
      peer.taps.receive = async (from, pass) => {
        const received = await pass();
        if (from === queue) deliveries += received.length;
        return received;
      };
      // There is room for it, and none for its type: it waits, leased and unstarted.
      const receiving = peer.receive(queue, inbox.handler(), { concurrencyOf: () => 0 });
      await stage.until(`delivery ${drains}`, () => deliveries >= drains, stage.leaseMs / 2);
      await stage.done("the drain", receiving.stop());
      await stage.done("its process ends", peer.queue.close());
    }
    assert.equal(inbox.arrivals.length, 0, "it was never started");
    const peer = await stage.connect();
    const receiving = peer.receive(queue, inbox.handler());
    await stage.until("it is run", () => inbox.count(id) > 0, stage.leaseMs / 2);
    await stage.done("the receiver stops", receiving.stop());
    assert.equal(inbox.count(id), 1);
    assert.deepEqual(inbox.arrivals[0]?.message.payload, "in hand");
    assert.deepEqual(
      await stage.done("a look at the dead letters", peer.queue.deadLetters(queue).list()),
      [],
    );
    await stage.assertEmpty(queue);
  },
);

export const attemptCases: readonly ConformanceCase[] = [
  nacks,
  delayedNacks,
  clonedNacks,
  expiries,
  mixed,
  handedBack,
];
