import assert from "node:assert/strict";
import type { BackoffOptions } from "../../backoff.ts";
import type { JobEvent, ReceiveEvent } from "../../diagnostics.ts";
import { PermanentError, RetryAfterError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job } from "../kit/jobs.ts";
import { letterOf } from "../kit/letters.ts";
import { unlessClones, unlessCounts } from "../kit/skips.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("failure");

/** Runs one job that always fails, and asserts when its runs began. `expectedMs` is the wait before each run after the first. */
async function failsOver(
  stage: Stage,
  backoff: BackoffOptions,
  expectedMs: readonly number[],
  options: { readonly random?: () => number; readonly limits?: { maxReleaseDelayMs: number } } = {},
): Promise<void> {
  const maxAttempts = expectedMs.length + 1;
  const queue = await stage.makeQueue({ maxAttempts });
  const peer = await stage.connect({ ...options, backoff });
  const { id } = await peer.queue.send(queue, { ...job(), maxAttempts });
  const inbox = stage.inbox();
  const announced: number[] = [];
  const endedAt: number[] = [];
  const onEvent = (event: JobEvent | ReceiveEvent): void => {
    if (event.event === "retrying") announced.push(event.delayMs);
  };
  const behave = inbox.handler(() => {
    endedAt.push(stage.now());
    throw new Error("it fails");
  });
  peer.receive(queue, behave, { onEvent });
  const totalMs = expectedMs.reduce((sum, ms) => sum + ms, 0);
  await stage.until("all runs", () => inbox.count(id) >= maxAttempts, totalMs + stage.timing.patienceMs);
  const letter = await letterOf(stage, peer, queue);
  assert.equal(letter.info.reason, "max_attempts");
  await stage.pass(stage.leaseMs + stage.lateMs);
  assert.deepEqual(announced, expectedMs);
  assert.deepEqual(
    inbox.attempts(id),
    Array.from({ length: maxAttempts }, (_, index) => index + 1),
  );
  for (const [index, waitMs] of expectedMs.entries()) {
    const dueAt = (endedAt[index] ?? 0) + waitMs;
    stage.onTime(`run ${index + 2}`, inbox.arrivals[index + 1]?.at ?? 0, dueAt);
  }
}

const exponential = check(
  "failure.backoff",
  "failed runs are retried after a backoff that grows and is capped",
  (stage) => {
    const baseMs = stage.timing.unitMs;
    const backoff = { baseMs, factor: 2, capMs: 3 * baseMs, jitter: false };
    return failsOver(stage, backoff, [baseMs, 2 * baseMs, 3 * baseMs, 3 * baseMs]);
  },
);

const jittered = check(
  "failure.backoff",
  "the backoff is jittered: it is drawn from nothing up to its ceiling",
  (stage) => {
    const baseMs = 4 * stage.lateMs;
    return failsOver(stage, { baseMs, factor: 2, capMs: 10 * baseMs }, [baseMs / 2, baseMs], {
      random: () => 0.5,
    });
  },
);

const beyondRelease = check(
  "failure.backoff",
  "a backoff longer than a release can hold is kept to as well",
  (stage) => {
    const baseMs = 2 * stage.timing.unitMs;
    const limits = { maxReleaseDelayMs: stage.timing.unitMs };
    return failsOver(
      stage,
      { baseMs, factor: 1.5, capMs: 3 * baseMs, jitter: false },
      [baseMs, 1.5 * baseMs],
      { limits },
    );
  },
  unlessClones,
);

const deadLetter = check(
  "failure.backoff",
  "when its attempts are used up, a job is dead-lettered with reason, error, attempts, queue and time",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect({ backoff: { baseMs: 0 } });
    const message = { ...job({ order: 7 }), headers: { tenant: "t-1" }, maxAttempts: 3 };
    const { id } = await peer.queue.send(queue, message);
    const inbox = stage.inbox();
    let lastRunAt = 0;
    const receiving = peer.receive(
      queue,
      inbox.handler(() => {
        lastRunAt = stage.now();
        throw new TypeError("the printer is on fire");
      }),
    );
    await stage.until("three runs", () => inbox.count(id) >= 3);
    const letter = await letterOf(stage, peer, queue);
    await stage.done("the receiver stops", receiving.stop());
    assert.deepEqual(inbox.attempts(id), [1, 2, 3]);
    const { info } = letter;
    assert.deepEqual(
      { id: letter.id, reason: info.reason, error: info.error, attempts: info.attempts, source: info.source },
      { id, reason: "max_attempts", error: "TypeError: the printer is on fire", attempts: 3, source: queue },
    );
    assert.ok(info.at.getTime() >= lastRunAt && info.at.getTime() <= stage.now(), "it says when");
    const got = letter.message;
    assert.deepEqual({ ...got?.headers }, message.headers);
    assert.deepEqual([got?.id, got?.type, got?.payload, got?.maxAttempts], [id, "job", message.payload, 3]);
    assert.equal(info.firstSeenAt?.getTime(), got?.createdAt.getTime());
    await stage.assertEmpty(queue);
  },
);

const freesItsSlot = check(
  "failure.backoff",
  "a failed run frees its slot: two slots are enough for twenty jobs that fail twice",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect({ backoff: { baseMs: 10, factor: 1, jitter: false } });
    const ids = await stage.sendMany(peer, queue, 20);
    const inbox = stage.inbox();
    const behave = inbox.handler(({ attempt }) => {
      if (attempt < 3) throw new Error("not yet");
    });
    const receiving = peer.receive(queue, behave, { concurrency: 2 });
    await stage.until("sixty runs", () => inbox.arrivals.length >= 60);
    await stage.done("the receiver stops", receiving.stop());
    assert.ok(inbox.mostRunning <= 2, "no more than two at once");
    assert.ok(ids.every((id) => inbox.attempts(id).join() === "1,2,3"));
    await stage.assertEmpty(queue);
  },
  unlessCounts,
);

const permanent = check("failure.outright", "a permanent error is dead-lettered at once", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect({ backoff: { baseMs: 0 } });
  const { id } = await peer.queue.send(queue, job());
  const inbox = stage.inbox();
  const receiving = peer.receive(
    queue,
    inbox.handler(() => {
      throw new PermanentError("the account is gone");
    }),
  );
  const { info } = await letterOf(stage, peer, queue);
  await stage.done("the receiver stops", receiving.stop());
  await stage.assertEmpty(queue);
  assert.deepEqual(inbox.attempts(id), [1]);
  assert.deepEqual(
    [info.reason, info.attempts, info.error, info.source],
    ["permanent_error", 1, "PermanentError: the account is gone", queue],
  );
});

const retryAfter = check(
  "failure.outright",
  "a retry-after error sets its own delay, and counts as an attempt",
  async (stage) => {
    const delayMs = 2 * stage.timing.unitMs;
    const queue = await stage.makeQueue({ maxAttempts: 2 });
    const peer = await stage.connect({ backoff: { baseMs: 3_600_000, capMs: 3_600_000, jitter: false } });
    const { id } = await peer.queue.send(queue, { ...job(), maxAttempts: 2 });
    const inbox = stage.inbox();
    peer.receive(
      queue,
      inbox.handler(() => {
        throw new RetryAfterError(delayMs, "the service asks for patience");
      }),
    );
    await stage.until("the second run", () => inbox.count(id) >= 2, delayMs + stage.timing.patienceMs);
    const [first, second] = inbox.of(id);
    assert.ok(first && second);
    stage.onTime("the second run", second.at, first.at + delayMs);
    const { info } = await letterOf(stage, peer, queue);
    assert.deepEqual([info.reason, info.attempts], ["max_attempts", 2]);
    assert.deepEqual(inbox.attempts(id), [1, 2]);
  },
);

const crashLoop = check(
  "failure.crash_loop",
  "a message that kills its process each time is dead-lettered as crash_loop",
  async (stage) => {
    const queue = await stage.makeQueue({ maxAttempts: 1 });
    const { id } = await (await stage.connect()).queue.send(queue, { ...job("boom"), maxAttempts: 1 });
    const inbox = stage.inbox();
    const watcher = await stage.connect();
    const isStopped = async (): Promise<boolean> => {
      const list = watcher.queue.deadLetters(queue).list();
      return (await stage.done("a look at the dead letters", list)).length > 0;
    };
    for (let deaths = 0; !(await isStopped()); deaths += 1) {
      assert.ok(deaths <= 10, "it is stopped in the end");
      const doomed = await stage.connect();
      const dies = inbox.handler(() => doomed.kill().then(() => stage.hang()));
      doomed.receive(queue, dies, { concurrency: 1 });
      const isOver = async (): Promise<boolean> => doomed.isDead || (await isStopped());
      await stage.until(
        `the end of delivery ${deaths + 1}`,
        isOver,
        2 * stage.leaseMs + stage.timing.patienceMs,
      );
    }
    // Failed runs alone use up attempts: maxAttempts + 5 deliveries are what the guard waits for.
    assert.deepEqual(inbox.attempts(id), [1, 2, 3, 4, 5]);
    const { info, message } = await letterOf(stage, watcher, queue);
    assert.deepEqual([info.reason, info.source, message?.payload], ["crash_loop", queue, "boom"]);
  },
  unlessCounts,
);

export const failureCases: readonly ConformanceCase[] = [
  exponential,
  jittered,
  beyondRelease,
  deadLetter,
  freesItsSlot,
  permanent,
  retryAfter,
  crashLoop,
];
