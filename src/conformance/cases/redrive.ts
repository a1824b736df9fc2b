import assert from "node:assert/strict";
import type { RedriveResult, RedriveStep } from "../../queue/dead-letters.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job, missingQueue, refusal } from "../kit/jobs.ts";
import { letterOf, lettersOf, withDeadLetters } from "../kit/letters.ts";

const check = caseMaker("failure");

const grouped = check(
  "failure.mending",
  "dead letters that failed alike are one group, with their count and their times",
  async (stage) => {
    const startedAt = stage.now();
    const { queue, peer, ids } = await withDeadLetters(stage, 9, (index) =>
      index < 6 ? `user ${index * 7_919} is unknown` : "the disk is full",
    );
    const letters = peer.queue.deadLetters(queue);
    const groups = await stage.done("the groups", letters.groups());
    assert.deepEqual(
      groups.map(({ type, reason, error, count }) => `${count} ${type} ${reason} ${error}`).toSorted(),
      [
        "1 odd permanent_error PermanentError: the disk is full",
        "2 even permanent_error PermanentError: the disk is full",
        "3 even permanent_error PermanentError: user <n> is unknown",
        "3 odd permanent_error PermanentError: user <n> is unknown",
      ],
    );
    assert.deepEqual(
      groups.map(({ count }) => count),
      [3, 3, 2, 1],
      "the most frequent come first",
    );
    for (const { firstAt, lastAt, example, count } of groups) {
      assert.ok(ids.includes(example.id), "each has an example");
      // By the machine that dead-lettered it.
      assert.ok(firstAt.getTime() >= startedAt && lastAt.getTime() <= stage.now() && firstAt <= lastAt);
      if (count === 1) assert.deepEqual(firstAt, lastAt);
    }
    const [most] = groups;
    const { fingerprint } = most!;
    const same = await stage.done("a list of one group", letters.list({ fingerprint }));
    assert.equal(same.length, 3);
    const done = await stage.done("a redrive of one group", letters.redrive({ fingerprint }));
    assert.equal(done.redriven, 3);
    await lettersOf(stage, peer, queue, 6);
  },
);

const elsewhere = check(
  "failure.mending",
  "a redrive can go to another queue, and to none that is missing",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 4);
    const other = await stage.makeQueue();
    const letters = peer.queue.deadLetters(queue);
    if (!stage.declared.limits.createsQueues) {
      const to = missingQueue(stage);
      await assert.rejects(
        stage.done("a redrive to nowhere", letters.redrive({ to })),
        refusal("not_found", to),
      );
    }
    const done = await stage.done("the redrive", letters.redrive({ to: other, type: "odd" }));
    assert.deepEqual(done, { matched: 2, redriven: 2, skipped: 0, failed: 0 });
    const [inbox, source] = [stage.inbox(), stage.inbox()];
    peer.receive(other, inbox.handler());
    const receiving = peer.receive(queue, source.handler());
    await stage.until("they arrive", () => inbox.size >= 2);
    await stage.pass(stage.lateMs);
    assert.deepEqual(
      new Set(inbox.arrivals.map(({ message, attempt }) => `${message.id} ${attempt}`)),
      new Set([ids[1], ids[3]].map((id) => `${id} 1`)),
    );
    assert.equal(source.size, 0, "none goes to where it came from");
    await stage.done("the receiver stops", receiving.stop());
    await lettersOf(stage, peer, queue, 2);
  },
);

const throwing = check(
  "failure.mending",
  "what a transform throws over, or spoils, stays where it is and is told; the others go",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 4);
    const steps: RedriveStep[] = [];
    const redrive = (dryRun: boolean): Promise<RedriveResult> =>
      stage.done(
        "the redrive",
        peer.queue.deadLetters(queue).redrive({
          dryRun,
          transform: (message) => {
            if (message.id === ids[1]) throw new TypeError("no such field");
            return message.id === ids[2] ? { type: "", payload: null } : { ...message, type: "mended" };
          },
          onMessage: (step) => steps.push(step),
        }),
      );
    for (const dryRun of [true, false]) {
      steps.length = 0;
      assert.deepEqual(await redrive(dryRun), { matched: 4, redriven: 2, skipped: 0, failed: 2 });
      assert.deepEqual(
        new Set(
          steps.map(({ deadLetter: letter, outcome, changed }) => `${letter.id} ${outcome} ${changed?.type}`),
        ),
        new Set([
          `${ids[0]} redriven mended`,
          `${ids[1]} failed undefined`,
          `${ids[2]} failed undefined`,
          `${ids[3]} redriven mended`,
        ]),
      );
      assert.match(String(steps.find(({ deadLetter }) => deadLetter.id === ids[1])?.error), /no such field/);
    }
    const left = await lettersOf(stage, peer, queue, 2);
    assert.deepEqual(new Set(left.map(({ id }) => id)), new Set([ids[1], ids[2]]));
    assert.ok(
      left.every(({ info, message }) => info.reason === "permanent_error" && message?.type !== "mended"),
      "they are as they were",
    );
  },
);

const stopped = check(
  "failure.mending",
  "a redrive that is told to stop says what it has done, and loses nothing",
  async (stage) => {
    const { queue, peer, ids } = await withDeadLetters(stage, 12);
    const stop = new AbortController();
    const letters = peer.queue.deadLetters(queue);
    const done = await stage.done(
      "the redrive that is stopped",
      letters.redrive({
        // One at a time, whatever the provider hands out at once.
        ratePerSecond: 2,
        signal: stop.signal,
        onProgress: ({ redriven }) => {
          if (redriven >= 3) stop.abort(new Error("enough"));
        },
      }),
    );
    assert.ok(done.redriven >= 3 && done.redriven < 12, `${done.redriven} of 12 were redriven`);
    const left = await lettersOf(stage, peer, queue, 12 - done.redriven);
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("what was redriven arrives", () => inbox.size >= done.redriven);
    const found = [...inbox.arrivals.map(({ message }) => message.id), ...left.map(({ id }) => id)];
    assert.deepEqual(found.toSorted(), [...ids].toSorted(), "each is in one place");
  },
);

/** Where the message has gone before its time, polls would stay empty for ever. One whose answer came too late comes again. */
const MOST_EMPTY_POLLS = 20;

const brokers = check(
  "failure.broker",
  "what the provider has dead-lettered by itself says so, and is redriven",
  async (stage) => {
    const queue = await stage.makeQueue({ maxAttempts: 1 });
    const peer = await stage.connect();
    const { driver } = peer;
    const { brokerMaxDeliveries = 0 } = await driver.describe(queue);
    const { id } = await peer.queue.send(queue, job({ order: 7 }));
    const source = driver.open(queue, { prefetch: 1, leaseMs: stage.leaseMs });
    let deliveries = 0;
    let last = 0;
    // By the door for adapters: a worker would see the crash loop before the provider does.
    let empty = 0;
    const poll = async (): Promise<void> => {
      const got = await stage.done("a poll", source.next(1, new AbortController().signal));
      empty = got.length === 0 ? empty + 1 : 0;
      for (const delivery of got) {
        deliveries += 1;
        last = delivery.deliveryCount;
        await source.settle([{ kind: "release", delivery, delayMs: 0 }]);
      }
    };
    while (last < brokerMaxDeliveries && empty < MOST_EMPTY_POLLS) await poll();
    assert.equal(last, brokerMaxDeliveries, "each delivery counts");
    const before = deliveries;
    // Some move it only when they would deliver it once more.
    await poll();
    assert.equal(deliveries, before, "it is delivered no more");
    await source.stop();
    await source.close();
    const letter = await letterOf(stage, peer, queue);
    assert.equal(letter.id, id);
    assert.match(letter.info.reason, /^broker/);
    assert.equal(letter.info.source, queue);
    const [group] = await stage.done("the groups", peer.queue.deadLetters(queue).groups());
    assert.deepEqual([group?.reason, group?.count], [letter.info.reason, 1]);
    assert.equal((await stage.done("the redrive", peer.queue.deadLetters(queue).redrive())).redriven, 1);
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("it arrives", () => inbox.size > 0);
    assert.deepEqual(inbox.attempts(id), [1]);
  },
  ({ traits }) =>
    traits.brokerMaxDeliveries === undefined ? "the provider dead-letters nothing by itself" : undefined,
);

export const redriveCases: readonly ConformanceCase[] = [grouped, elsewhere, throwing, stopped, brokers];
