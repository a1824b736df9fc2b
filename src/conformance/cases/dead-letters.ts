import assert from "node:assert/strict";
import { PermanentError, RetryAfterError } from "../../errors.ts";
import { Worker } from "../../worker/worker.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { lettersOf, withDeadLetters } from "../kit/letters.ts";
import { unlessClones, unlessCounts } from "../kit/skips.ts";

const check = caseMaker("failure");

const listed = check(
  "failure.dead_letters",
  "dead letters are listed without being deleted",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 12);
    const letters = peer.queue.deadLetters(queue);
    for (const time of ["first", "second"]) {
      const all = await stage.done(`the ${time} list`, letters.list());
      assert.deepEqual(
        all.map(({ id }) => id).toSorted(),
        [...ids].toSorted(),
        `the ${time} list is complete`,
      );
    }
    const odd = await stage.done("a list by type", letters.list({ type: "odd" }));
    assert.deepEqual(
      odd.map(({ id }) => id).toSorted(),
      ids.filter((_, index) => index % 2 === 1).toSorted(),
    );
    assert.equal((await stage.done("a short list", letters.list({ limit: 5 }))).length, 5);
    assert.equal((await stage.done("a list by reason", letters.list({ reason: "crash_loop" }))).length, 0);
    const later = new Date(stage.now() + 60_000);
    assert.equal((await stage.done("a list by time", letters.list({ since: later }))).length, 0);
    await lettersOf(stage, peer, queue, 12);
  },
);

const redriven = check(
  "failure.dead_letters",
  "dead letters are redriven; their attempts start over",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 8);
    const letters = peer.queue.deadLetters(queue);
    const even = ids.filter((_, index) => index % 2 === 0);
    const rehearsed = await stage.done("a dry run", letters.redrive({ type: "even", dryRun: true }));
    assert.deepEqual(rehearsed, { matched: 4, redriven: 4, skipped: 0, failed: 0 });
    await lettersOf(stage, peer, queue, 8);
    const done = await stage.done("the redrive", letters.redrive({ type: "even" }));
    assert.deepEqual(done, { matched: 4, redriven: 4, skipped: 0, failed: 0 });
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("they arrive", () => inbox.size >= 4);
    await stage.pass(stage.lateMs);
    assert.deepEqual(inbox.arrivals.map(({ message }) => message.id).toSorted(), even.toSorted());
    assert.ok(
      inbox.arrivals.every(({ attempt }) => attempt === 1),
      "each at its first attempt",
    );
    assert.ok(inbox.arrivals.every(({ message }) => message.type === "even"));
    const left = await lettersOf(stage, peer, queue, 4);
    assert.ok(
      left.every(({ message }) => message?.type === "odd"),
      "the others stay",
    );
  },
);

const redrivenAgain = check(
  "failure.dead_letters",
  "a message that fails again and again is redriven each time, inside any dedup window",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 1);
    const inbox = stage.inbox();
    const receiving = peer.receive(
      queue,
      inbox.handler(() => {
        throw new PermanentError("still not");
      }),
    );
    for (let round = 1; round <= 3; round += 1) {
      const { redriven: count } = await stage.done(
        "the redrive",
        peer.queue.deadLetters(queue).redrive({ ids }),
      );
      assert.equal(count, 1, `redrive ${round}`);
      await stage.until(`run ${round} after a redrive`, () => inbox.arrivals.length >= round);
      await lettersOf(stage, peer, queue, 1);
    }
    await stage.done("the receiver stops", receiving.stop());
    assert.deepEqual(inbox.attempts(ids[0]!), [1, 1, 1]);
  },
);

const startsOver = check(
  "failure.dead_letters",
  "what a message had been through before, its redrive forgets: recorded attempts, and a type that nobody knew",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect({ limits: { maxReleaseDelayMs: 0 } });
    const [id = ""] = await stage.sendMany(peer, queue, 1, () => ({ type: "new", maxAttempts: 3 }));
    const old = new Worker(peer.queue, { leaseMs: stage.leaseMs, unknownTypeMaxAgeMs: unitMs });
    const first = peer.work(
      queue,
      old.register("old", () => {}),
    );
    assert.equal((await lettersOf(stage, peer, queue, 1))[0]?.info.reason, "unknown_type");
    await stage.done("the old worker stops", first.stop());
    const redrive = async (): Promise<void> => {
      const { redriven: count } = await stage.done("the redrive", peer.queue.deadLetters(queue).redrive());
      assert.equal(count, 1);
    };
    await redrive();
    const since: (number | undefined)[] = [];
    const inbox = stage.inbox();
    const second = peer.receive(
      queue,
      inbox.handler((_arrival, { unknownSince }) => {
        since.push(unknownSince);
        throw new RetryAfterError(unitMs / 10);
      }),
    );
    await stage.until("three runs", () => inbox.count(id) >= 3, unitMs + stage.timing.patienceMs);
    assert.equal((await lettersOf(stage, peer, queue, 1))[0]?.info.attempts, 3);
    await redrive();
    await stage.until("three more runs", () => inbox.count(id) >= 6, unitMs + stage.timing.patienceMs);
    await lettersOf(stage, peer, queue, 1);
    await stage.done("the receiver stops", second.stop());
    assert.deepEqual(inbox.attempts(id), [1, 2, 3, 1, 2, 3]);
    assert.deepEqual(new Set(since), new Set([undefined]), "it is not taken for one that nobody has known");
  },
  (declared, harness) => unlessClones(declared, harness) ?? unlessCounts(declared),
);

const changed = check(
  "failure.dead_letters",
  "a redrive can change what it sends, and leave some where they are",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 4);
    const done = await stage.done(
      "the redrive",
      peer.queue.deadLetters(queue).redrive({
        transform: ({ type, payload }, { reason }) =>
          type === "odd" ? undefined : { type: "mended", payload: { payload, reason } },
      }),
    );
    assert.deepEqual(done, { matched: 4, redriven: 2, skipped: 2, failed: 0 });
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("they arrive", () => inbox.size >= 2);
    const got = inbox.arrivals.map(({ message }) => [message.id, message.type, message.payload]);
    const wanted = [0, 2].map((index) => [
      ids[index],
      "mended",
      { payload: { index }, reason: "permanent_error" },
    ]);
    assert.deepEqual(new Set(got), new Set(wanted));
    assert.equal(inbox.duplicates, 0);
    await lettersOf(stage, peer, queue, 2);
  },
);

const discarded = check(
  "failure.dead_letters",
  "dead letters are discarded, and no others",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 6);
    const letters = peer.queue.deadLetters(queue);
    assert.equal(await stage.done("the discard", letters.discard({ ids: ids.slice(0, 2) })), 2);
    const left = await lettersOf(stage, peer, queue, 4);
    assert.deepEqual(left.map(({ id }) => id).toSorted(), ids.slice(2).toSorted());
    assert.equal(await stage.done("the discard of all", letters.discard({})), 4);
    await lettersOf(stage, peer, queue, 0);
    await stage.assertEmpty(queue);
  },
);

const killedHalfWay = check(
  "failure.dead_letters",
  "a redrive that is killed half way loses nothing",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 10);
    const doomed = await stage.connect();
    let removals = 0;
    doomed.taps.settle = (_queue, operations, pass) => {
      removals += operations.filter(({ kind }) => kind === "ack").length;
      if (removals >= 1) void doomed.kill();
      return pass(operations);
    };
    await stage.done(
      "the redrive that is killed",
      doomed.queue
        .deadLetters(queue)
        .redrive()
        .catch(() => undefined),
    );
    assert.ok(doomed.isDead, "it was killed");
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    const letters = peer.queue.deadLetters(queue);
    // What the dead process held comes back when its leases end, which for a scan are long ones.
    const patienceMs = 2 * Math.min(300_000, stage.declared.limits.maxLeaseMs) + 2 * stage.timing.patienceMs;
    await stage.until(
      "each is redriven in the end",
      async () => {
        if (ids.every((id) => inbox.count(id) > 0)) return true;
        await stage.done("another redrive", letters.redrive());
        return false;
      },
      patienceMs,
    );
    for (const id of ids) assert.ok(inbox.count(id) <= 2, "each is there twice at most");
  },
  (_declared, { clock }) =>
    clock === undefined
      ? "what a dead scan holds comes back after minutes, and the clock cannot be turned"
      : undefined,
);

export const deadLetterCases: readonly ConformanceCase[] = [
  listed,
  redriven,
  redrivenAgain,
  startsOver,
  changed,
  discarded,
  killedHalfWay,
];
