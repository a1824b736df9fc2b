import assert from "node:assert/strict";
import { isQueueError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job, refusal } from "../kit/jobs.ts";
import { Worker } from "../../worker/worker.ts";

const check = caseMaker("lifecycle");

const finishes = check(
  "lifecycle.drain",
  "a drain starts nothing new, and is over when what runs has finished and is acknowledged",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const inbox = stage.inbox();
    let finished = 0;
    const receiving = peer.receive(
      queue,
      inbox.handler(async (_arrival, { signal }) => {
        await stage.sleep(2 * unitMs, signal);
        assert.ok(!signal.aborted, "it is let finish");
        finished += 1;
      }),
      { concurrency: 2, drainMs: 10 * unitMs },
    );
    const ids = await stage.sendMany(peer, queue, 6);
    await stage.until("two run", () => inbox.running === 2);
    const stopped = receiving.stop().then(() => finished);
    await stage.sendMany(await stage.connect(), queue, 2);
    assert.equal(await stage.done("the drain", stopped, 3 * unitMs + stage.timing.patienceMs), 2);
    assert.equal(inbox.arrivals.length, 2, "nothing was started after the stop");
    const next = stage.inbox();
    (await stage.connect()).receive(queue, next.handler());
    await stage.until("another gets the rest", () => next.size >= 6, stage.leaseMs / 2);
    await stage.pass(stage.leaseMs + stage.lateMs);
    const twice = ids.filter((id) => inbox.count(id) > 0 && next.count(id) > 0);
    assert.deepEqual(twice, [], "what had finished does not come again");
    assert.equal(next.duplicates, 0);
  },
);

const deadline = check(
  "lifecycle.drain",
  "at the drain deadline signals abort, and another worker gets the jobs at once, at no cost to them",
  async (stage) => {
    const { unitMs } = stage.timing;
    const drainMs = unitMs;
    const queue = await stage.makeQueue({ maxAttempts: 1 });
    const peer = await stage.connect();
    const options = { leaseMs: stage.leaseMs, drainMs, graceMs: stage.leaseMs, concurrency: 3 };
    let running = 0;
    const abortedAt: number[] = [];
    const reasons: unknown[] = [];
    const slow = new Worker(peer.queue, options).register("job", async (_message, { signal }) => {
      running += 1;
      await stage.sleep(100 * unitMs, signal);
      abortedAt.push(stage.now());
      reasons.push(signal.reason);
      throw new Error("interrupted");
    });
    const receiving = peer.work(queue, slow);
    await stage.sendMany(peer, queue, 3, () => ({ maxAttempts: 1 }));
    await stage.until("three run", () => running === 3);
    const stopAt = stage.now();
    await stage.done("the drain", receiving.stop());
    assert.equal(abortedAt.length, 3);
    for (const at of abortedAt) stage.onTime("the abort", at, stopAt + drainMs);
    assert.ok(
      reasons.every((reason) => isQueueError(reason, "draining")),
      "the signal says why",
    );
    const inbox = stage.inbox();
    const startedAt = stage.now();
    const next = await stage.connect();
    next.receive(queue, inbox.handler());
    await stage.until("another gets them", () => inbox.size >= 3, stage.leaseMs / 2);
    for (const { at } of inbox.arrivals) stage.onTime("the next run", at, startedAt);
    await stage.pass(stage.leaseMs + stage.lateMs);
    assert.equal(inbox.duplicates, 0);
    const letters = await stage.done("a look at the dead letters", next.queue.deadLetters(queue).list());
    assert.deepEqual(letters, [], "to be interrupted is no failure");
  },
);

const stubborn = check(
  "lifecycle.drain",
  "a handler that ignores its signal is named; its job is given back, and its late result counts for nothing",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const stop = new AbortController();
    const first = stage.inbox();
    let isOver = false;
    const finish = Promise.withResolvers<void>();
    const receiving = peer.queue.receive(
      queue,
      first.handler(async () => {
        await finish.promise;
        isOver = true;
      }),
      { signal: stop.signal, leaseMs: stage.leaseMs, drainMs: unitMs, graceMs: unitMs },
    );
    const { id } = await peer.queue.send(queue, job());
    await stage.until("it runs", () => first.size > 0);
    stop.abort();
    const stopAt = stage.now();
    await assert.rejects(stage.done("the drain", receiving), refusal("drain_incomplete", queue, id));
    stage.onTime(
      "the end of the drain",
      stage.now(),
      stopAt + 2 * unitMs,
      stage.lateMs + stage.timing.patienceMs / 2,
    );
    const second = stage.inbox();
    (await stage.connect()).receive(
      queue,
      second.handler(() => stage.sleep(unitMs)),
    );
    await stage.until("another gets it", () => second.size > 0, stage.leaseMs / 2);
    assert.equal(isOver, false);
    finish.resolve();
    await stage.until("the late one ends", () => isOver);
    await stage.pass(stage.leaseMs + stage.lateMs);
    const attempts = second.attempts(id);
    assert.equal(attempts.length, 1, "the other's run is the one that counts");
    // A poll of the first that was still out may have brought it once more, unstarted, which counts as a delivery.
    assert.ok((attempts[0] ?? 0) >= 2, `it is the second run at least; it was told ${attempts[0]}`);
  },
);

const closes = check("lifecycle.drain", "to close a queue drains its receivers", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const inbox = stage.inbox();
  let finished = 0;
  let ended = false;
  const receiving = peer.queue.receive(
    queue,
    inbox.handler(async () => {
      await stage.sleep(stage.timing.unitMs);
      finished += 1;
    }),
    { leaseMs: stage.leaseMs },
  );
  await stage.sendMany(peer, queue, 3);
  await stage.until("they run", () => inbox.running === 3);
  const closing = peer.queue.close().then(() => [finished, ended]);
  void receiving.then(() => {
    ended = true;
  });
  assert.deepEqual(await stage.done("the close", closing), [3, true]);
  await stage.assertEmpty(queue);
});

export const drainCases: readonly ConformanceCase[] = [finishes, deadline, stubborn, closes];
