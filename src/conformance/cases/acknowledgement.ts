import assert from "node:assert/strict";
import { DriverError } from "../../driver/error.ts";
import { RetryAfterError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job } from "../kit/jobs.ts";
import { failSome } from "../kit/line.ts";
import { unlessClones } from "../kit/skips.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("acknowledgement");

const ackRemoves = check("acknowledgement.ack", "what was acknowledged never comes again", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const ids = await stage.sendMany(peer, queue, 20);
  const inbox = stage.inbox();
  const receiving = peer.receive(queue, inbox.handler());
  await stage.until("all arrive", () => inbox.size >= 20);
  await stage.pass(stage.leaseMs + stage.lateMs);
  await stage.done("the receiver stops", receiving.stop());
  await stage.assertEmpty(queue);
  assert.deepEqual(
    ids.map((id) => inbox.attempts(id)),
    ids.map(() => [1]),
    "each was handled once",
  );
});

const ackTwice = check("acknowledgement.ack", "acknowledging twice is no error", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  await peer.queue.send(queue, job());
  const source = peer.driver.open(queue, { prefetch: 1, leaseMs: stage.leaseMs });
  const delivery = await stage.nextOf(source);
  for (const time of ["first", "second"]) {
    const [result] = await stage.done(`the ${time} ack`, source.settle([{ kind: "ack", delivery }]));
    assert.ok(result?.ok === true, `the ${time} ack is confirmed`);
  }
  await stage.done("the source stops", source.stop());
  await source.close();
  await stage.assertEmpty(queue);
});

const ackAfterHandler = check(
  "acknowledgement.ack",
  "nothing is acknowledged before its handler has resolved",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    let resolved = false;
    const early: string[] = [];
    let acks = 0;
    peer.taps.settle = (_queue, operations, pass) => {
      const verdicts = operations.filter(({ kind }) => kind !== "extend");
      if (!resolved) early.push(...verdicts.map(({ kind }) => kind));
      acks += verdicts.filter(({ kind }) => kind === "ack").length;
      return pass(operations);
    };
    await peer.queue.send(queue, job());
    const inbox = stage.inbox();
    peer.receive(
      queue,
      inbox.handler(async () => {
        await stage.sleep(stage.timing.unitMs);
        resolved = true;
      }),
    );
    await stage.until("it is acknowledged", () => acks > 0);
    assert.deepEqual(early, []);
    assert.equal(acks, 1);
  },
);

const nack = check("acknowledgement.nack", "a nack without delay redelivers at once", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const { id } = await peer.queue.send(queue, job());
  const inbox = stage.inbox();
  peer.receive(
    queue,
    inbox.handler(({ attempt }) => {
      if (attempt === 1) throw new RetryAfterError(0);
    }),
  );
  await stage.until("it comes again", () => inbox.count(id) > 1, stage.leaseMs);
  const [first, second] = inbox.of(id);
  assert.ok(first && second);
  stage.onTime("the second delivery", second.at, first.at);
  await stage.pass(stage.leaseMs + stage.lateMs);
  assert.deepEqual(inbox.attempts(id), [1, 2], "and only once again");
});

/** Fails the first run with a delay, and looks at when the second one comes. */
async function nackWithDelay(
  stage: Stage,
  delayMs: number,
  limits?: { maxReleaseDelayMs: number },
): Promise<void> {
  const queue = await stage.makeQueue();
  const peer = await stage.connect({ limits });
  const { id } = await peer.queue.send(queue, job());
  const inbox = stage.inbox();
  let nackedAt = 0;
  const receiving = peer.receive(
    queue,
    inbox.handler(({ attempt }) => {
      nackedAt = stage.now();
      if (attempt === 1) throw new RetryAfterError(delayMs);
    }),
  );
  await stage.until("it comes first", () => inbox.count(id) === 1);
  const dueAt = nackedAt + delayMs;
  await stage.until("it comes again", () => inbox.count(id) > 1, delayMs + stage.timing.patienceMs);
  stage.onTime("the second delivery", inbox.of(id)[1]?.at ?? 0, dueAt);
  await stage.done("the receiver stops", receiving.stop());
  assert.deepEqual(inbox.attempts(id), [1, 2]);
  await stage.assertEmpty(queue);
}

const nackDelayed = check(
  "acknowledgement.nack",
  "a nack with a delay redelivers neither early nor much too late",
  (stage) => nackWithDelay(stage, 2 * stage.timing.unitMs),
);

const nackDelayedPastLease = check(
  "acknowledgement.nack",
  "a nack with a delay longer than the lease is not cut to it",
  (stage) => nackWithDelay(stage, 2 * stage.leaseMs),
);

const nackDelayedElsewhere = check(
  "acknowledgement.nack",
  "a nack with a delay that no release can hold is on time all the same",
  (stage) => nackWithDelay(stage, 3 * stage.timing.unitMs, { maxReleaseDelayMs: stage.timing.unitMs }),
  unlessClones,
);

const partial = check(
  "acknowledgement.partial",
  "an ack that fails for one message of a batch fails for that one alone",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const ids = await stage.sendMany(peer, queue, 10);
    const inbox = stage.inbox();
    let failing: unknown;
    peer.taps.settle = (_queue, operations, pass) => {
      failing ??= operations.find(({ kind }) => kind === "ack")?.delivery.brokerId;
      const fails = (one: (typeof operations)[number]): boolean =>
        one.kind === "ack" && one.delivery.brokerId === failing && one.delivery.deliveryCount === 1;
      return failSome(operations, fails, new DriverError("permanent", "this one fails"), pass);
    };
    const reported: string[] = [];
    peer.receive(queue, inbox.handler(), {
      onEvent: (event) => event.event === "settle_failed" && reported.push(event.id),
    });
    await stage.until("all arrive", () => inbox.size >= 10);
    await stage.until(
      "the one comes again",
      () => inbox.duplicates > 0,
      stage.leaseMs + stage.timing.patienceMs,
    );
    await stage.pass(stage.leaseMs + stage.lateMs);
    assert.deepEqual(reported, [inbox.arrivals.at(-1)?.message.id], "that one alone is reported");
    const attempts = ids.map((id) => inbox.attempts(id).join());
    assert.equal(attempts.filter((one) => one === "1").length, 9, `nine are done: ${attempts.join(" | ")}`);
    assert.equal(attempts.filter((one) => one === "1,2").length, 1, `one is not: ${attempts.join(" | ")}`);
  },
);

const partialForAWhile = check(
  "acknowledgement.partial",
  "an ack that fails for a while is made again while the lease lasts",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    await stage.sendMany(peer, queue, 10);
    const inbox = stage.inbox();
    const failures = new Map<string, number>();
    peer.taps.settle = (_queue, operations, pass) => {
      const fails = ({ kind, delivery }: (typeof operations)[number]): boolean => {
        const before = failures.get(delivery.brokerId) ?? 0;
        failures.set(delivery.brokerId, before + 1);
        return kind === "ack" && before < 2;
      };
      return failSome(operations, fails, new DriverError("transient", "not now"), pass);
    };
    const receiving = peer.receive(queue, inbox.handler());
    await stage.until("all arrive", () => inbox.size >= 10);
    await stage.done("the receiver stops", receiving.stop());
    await stage.assertEmpty(queue);
    assert.equal(inbox.duplicates, 0);
  },
);

const partialAtServer = check(
  "acknowledgement.partial",
  "a settlement that the server refuses fails for that message alone",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const ids = await stage.sendMany(peer, queue, 10);
    const failed = await stage.harness.faults!.failSettleEntry!(queue);
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("all arrive", () => inbox.size >= 10);
    await stage.pass(2 * (stage.leaseMs + stage.lateMs));
    assert.equal(failed(), 1, "the server has refused one");
    assert.ok(
      inbox.duplicates <= 1,
      `at most that one is run again; there were ${inbox.duplicates} more runs`,
    );
    assert.ok(ids.every((id) => inbox.count(id) > 0));
  },
  (_declared, { faults }) =>
    faults?.failSettleEntry === undefined
      ? "the harness cannot make the server refuse one settlement"
      : undefined,
);

export const acknowledgementCases: readonly ConformanceCase[] = [
  ackRemoves,
  ackTwice,
  ackAfterHandler,
  nack,
  nackDelayed,
  nackDelayedPastLease,
  nackDelayedElsewhere,
  partial,
  partialForAWhile,
  partialAtServer,
];
