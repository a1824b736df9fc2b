import assert from "node:assert/strict";
import type { Delay } from "../../message/delay.ts";
import type { Limits } from "../../driver/limits.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job, refusal } from "../kit/jobs.ts";
import { unlessOnlyParks, unlessWaits } from "../kit/skips.ts";
import type { Peer, Receiving } from "../kit/peer.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("delay");

const FORMS: Readonly<Record<string, (ms: number, now: number) => Delay>> = {
  milliseconds: (ms) => ms,
  "{ seconds }": (ms) => ({ seconds: ms / 1_000 }),
  "{ at }": (ms, now) => ({ at: new Date(now + ms) }),
};

const onTime = Object.entries(FORMS).map(([form, delayOf]) =>
  check("delay.on_time", `a message that is delayed by ${form} arrives on time`, async (stage) => {
    // Long enough for what is sent after it to come before it.
    const delayMs = 5 * stage.timing.unitMs;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.pass(stage.timing.unitMs / 2);
    const sentAt = stage.now();
    const { id } = await peer.queue.sendDelayed(queue, job(), delayOf(delayMs, sentAt));
    const acceptedAt = stage.now();
    const { id: prompt } = await peer.queue.send(queue, job());
    await stage.until("it arrives", () => inbox.count(id) > 0, delayMs + stage.timing.patienceMs);
    const [arrival] = inbox.of(id);
    assert.ok(arrival);
    stage.onTime("it", arrival.at, sentAt + delayMs, stage.lateMs + acceptedAt - sentAt);
    assert.equal(arrival.attempt, 1);
    const scheduledMs = arrival.message.scheduledAt?.getTime() ?? 0;
    assert.ok(
      scheduledMs >= sentAt + delayMs && scheduledMs <= acceptedAt + delayMs,
      "it knows when it was due",
    );
    assert.ok((inbox.of(prompt)[0]?.at ?? Number.MAX_VALUE) < arrival.at, "it holds nothing else up");
    await stage.pass(stage.lateMs);
    assert.equal(inbox.count(id), 1);
  }),
);

interface Beyond {
  readonly limits: Partial<Limits>;
  readonly delayMs: number;
  /** How long nobody receives, from the send on. */
  readonly nobodyMs?: number;
  /** How often it has to be put into its parking queue anew on the way, at least. @default 0 */
  readonly renewals?: number;
}

/**
 * Sends a delayed message, ends every process, lets time pass without one or with others, and looks at when it comes,
 * as which attempt, and how often it was put into its queue.
 */
async function arrivesOnTime(
  stage: Stage,
  { limits, delayMs, nobodyMs, renewals = 0 }: Beyond,
): Promise<void> {
  const queue = await stage.makeQueue({ maxAttempts: 1 });
  const first = await stage.connect({ limits });
  const sentAt = stage.now();
  const { id } = await first.queue.sendDelayed(queue, { ...job(), maxAttempts: 1 }, delayMs);
  const acceptedAt = stage.now();
  await stage.done("the sender closes", first.queue.close());
  const dueAt = sentAt + delayMs;
  const inbox = stage.inbox();
  let moves = 0;
  let renewed = 0;
  let startedAt = 0;
  // A drain that outlasts the delay may have the message in its last poll, and gives it back unstarted.
  let wasOnTheWay = true;
  const start = async (): Promise<readonly [Peer, Receiving]> => {
    const peer = await stage.connect({ limits });
    peer.taps.send = (to, messages, pass) => {
      if (to === queue) moves += messages.length;
      else renewed += messages.length;
      return pass(messages);
    };
    startedAt = stage.now();
    return [peer, peer.receive(queue, inbox.handler())];
  };
  if (nobodyMs === undefined) {
    // Two processes in turn see it on its way; each ends before it arrives, unless a drain takes too long for that.
    for (let share = 0; share < 2 && inbox.size === 0; share += 1) {
      const [passing, receiving] = await start();
      await stage.pass(delayMs * 0.3);
      await stage.done("a receiver on the way stops", receiving.stop());
      await stage.done("its process ends", passing.queue.close());
      wasOnTheWay &&= stage.now() < dueAt;
    }
  } else await stage.pass(nobodyMs);
  if (inbox.size === 0) await start();
  await stage.until("it arrives", () => inbox.size > 0, delayMs + stage.timing.patienceMs);
  const arrivedAt = inbox.arrivals[0]?.at ?? 0;
  const excusedMs = acceptedAt - sentAt + Math.max(0, startedAt - dueAt);
  stage.onTime("it", arrivedAt, dueAt, stage.lateMs + excusedMs);
  await stage.pass(stage.leaseMs + stage.lateMs);
  assert.equal(inbox.count(id), 1, "it comes once");
  if (wasOnTheWay) assert.deepEqual(inbox.attempts(id), [1], "hops cost no attempts");
  assert.ok(moves <= 1, `it is moved to its queue once; it was moved ${moves} times`);
  if (wasOnTheWay) assert.ok(renewed >= renewals, `it is renewed ${renewals} times; it was ${renewed} times`);
}

const shortHops = (unitMs: number): Partial<Limits> => ({
  nativeDelayMs: unitMs,
  maxHopMs: unitMs,
  maxReleaseDelayMs: unitMs,
});

const parkedHops = check(
  "delay.beyond",
  "a delay beyond shortened limits arrives on time, though every process is replaced twice",
  (stage) =>
    arrivesOnTime(stage, { limits: shortHops(stage.timing.unitMs), delayMs: 5 * stage.timing.unitMs }),
  unlessWaits,
);

const parkedOnly = check(
  "delay.beyond",
  "a delay that the provider cannot hold at all is parked and arrives on time",
  (stage) =>
    arrivesOnTime(stage, {
      limits: { nativeDelayMs: 0, maxHopMs: stage.timing.unitMs },
      delayMs: 5 * stage.timing.unitMs,
    }),
  unlessWaits,
);

const nobodyThere = check(
  "delay.beyond",
  "a parked message for which nobody was there arrives when it is due, and not with the first who comes",
  (stage) =>
    arrivesOnTime(stage, {
      limits: shortHops(stage.timing.unitMs),
      delayMs: 6 * stage.timing.unitMs,
      nobodyMs: 4.5 * stage.timing.unitMs,
    }),
  unlessWaits,
);

const aged = check(
  "delay.beyond",
  "a parked message outlives the provider's retention",
  (stage) =>
    arrivesOnTime(stage, {
      limits: { ...shortHops(stage.timing.unitMs), retentionMs: 3 * stage.timing.unitMs },
      delayMs: 8 * stage.timing.unitMs,
      renewals: 2,
    }),
  unlessOnlyParks,
);

const trueLimits = check(
  "delay.beyond",
  "a delay beyond the provider's true limits arrives on time",
  (stage) => {
    const { nativeDelayMs, maxHopMs } = stage.declared.limits;
    const longest = [nativeDelayMs, maxHopMs].filter(Number.isFinite);
    const nativeDays = nativeDelayMs === Number.POSITIVE_INFINITY ? 90 * 86_400_000 : 0;
    const delayMs = Math.max(nativeDays, ...longest.map((ms) => 2.2 * ms));
    // Where it is native, nobody has to be there; where it is parked, who is there sees it hop.
    const nobodyMs = nativeDays > 0 ? delayMs - stage.timing.unitMs : undefined;
    return arrivesOnTime(stage, { limits: {}, delayMs, ...(nobodyMs === undefined ? {} : { nobodyMs }) });
  },
  (_declared, { clock, openDelayStore }) => {
    if (openDelayStore !== undefined) return "a delay store has no limits of the provider's";
    return clock === undefined ? "it takes hours, and the clock cannot be turned" : undefined;
  },
);

const together = check(
  "delay.beyond",
  "a hundred parked messages that are due together all arrive on time, once",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect({ limits: shortHops(unitMs) });
    const sentAt = stage.now();
    const dueAt = sentAt + 3 * unitMs;
    const messages = Array.from({ length: 100 }, (_, index) => job(index));
    const delay = { at: new Date(dueAt) };
    const outcomes = await stage.done("the batch", peer.queue.sendBatch(queue, messages, { delay }));
    const inbox = stage.inbox();
    const receiving = peer.receive(queue, inbox.handler(), { concurrency: 100 });
    const readyAt = Math.max(dueAt, stage.now());
    await stage.until("all arrive", () => inbox.size >= 100, 3 * unitMs + stage.timing.patienceMs);
    await stage.pass(stage.lateMs);
    for (const { at, attempt } of inbox.arrivals) {
      stage.onTime("one of them", at, dueAt, 2 * stage.lateMs + readyAt - dueAt);
      assert.equal(attempt, 1);
    }
    assert.ok(
      outcomes.every((outcome) => outcome.ok && inbox.count(outcome.id) === 1),
      "each arrives once",
    );
    await stage.done("the receiver stops", receiving.stop());
  },
  unlessWaits,
);

const now = check(
  "delay.edges",
  "a delay of zero, or to a moment that has passed, means now",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    const past = { at: new Date(stage.now() - 3_600_000) };
    const delays: readonly Delay[] = [
      0,
      { days: 0, hours: 0, minutes: 0, seconds: 0 },
      past,
      { at: new Date(0) },
    ];
    for (const delay of delays) {
      const sentAt = stage.now();
      const { id } = await peer.queue.sendDelayed(queue, job(), delay);
      const acceptedAt = stage.now();
      await stage.until("it arrives", () => inbox.count(id) > 0);
      stage.onTime("it", inbox.of(id)[0]?.at ?? 0, sentAt, stage.timing.lateMs + acceptedAt - sentAt);
    }
  },
);

const invalid = check("delay.edges", "a delay that is negative or not finite is refused", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const delays: readonly unknown[] = [
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.MAX_VALUE,
    { seconds: -1 },
    { days: Number.POSITIVE_INFINITY },
    { at: new Date(Number.NaN) },
    { weeks: 1 },
    "10",
    null,
  ];
  for (const delay of delays) {
    await assert.rejects(peer.queue.sendDelayed(queue, job(), delay as Delay), refusal("invalid_delay"));
    await assert.rejects(peer.queue.send(queue, job(), { delay: delay as Delay }), refusal("invalid_delay"));
  }
  await stage.pass(stage.timing.unitMs);
  await stage.assertEmpty(queue);
});

export const delayCases: readonly ConformanceCase[] = [
  ...onTime,
  parkedHops,
  parkedOnly,
  nobodyThere,
  aged,
  trueLimits,
  together,
  now,
  invalid,
];
