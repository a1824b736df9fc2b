import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectSurvives } from "../../kit/copies.ts";
import { expectEqual, expectSame } from "../../kit/expect.ts";
import { killOnSend } from "../../kit/interceptors.ts";
import { arrivesOnTime, shortHops } from "../../kit/long-delays.ts";
import { job } from "../../kit/messages.ts";
import { firstReason, needsClock, needsDelayQueue, needsLongDelays } from "../../kit/skips.ts";

const NATIVE_DAYS_MS = 90 * 86_400_000;

const shortLimits = defineCase({
  requirement: "delay.beyond",
  name: "a message with a delay beyond the limits arrives on time although every process is replaced twice",
  skip: needsLongDelays,
  run: (context) => {
    const { unitMs } = context.timing;
    return arrivesOnTime(context, { limits: shortHops(unitMs), delayMs: 5 * unitMs });
  },
});

const noNativeDelay = defineCase({
  requirement: "delay.beyond",
  name: "a message with a delay that the provider cannot hold at all arrives on time",
  skip: needsLongDelays,
  run: (context) => {
    const { unitMs } = context.timing;
    return arrivesOnTime(context, { limits: { nativeDelayMs: 0, maxHopMs: unitMs }, delayMs: 5 * unitMs });
  },
});

const unattended = defineCase({
  requirement: "delay.beyond",
  name: "a delayed message that no receiver has seen arrives when it is due, and not with the first receiver",
  skip: needsLongDelays,
  run: (context) => {
    const { unitMs } = context.timing;
    const limits = shortHops(unitMs);
    return arrivesOnTime(context, { limits, delayMs: 6 * unitMs, unattendedMs: 4.5 * unitMs });
  },
});

const beyondRetention = defineCase({
  requirement: "delay.beyond",
  name: "a message in the delay queue outlives the provider's retention",
  skip: needsDelayQueue,
  run: (context) => {
    const { unitMs } = context.timing;
    const limits = { ...shortHops(unitMs), retentionMs: 3 * unitMs };
    return arrivesOnTime(context, { limits, delayMs: 8 * unitMs, renewals: 2 });
  },
});

const trueLimits = defineCase({
  requirement: "delay.beyond",
  name: "a message with a delay beyond the provider's true limits arrives on time",
  skip: (declared, harness) =>
    harness.openDelayStore === undefined
      ? needsClock("hours")(declared, harness)
      : "a delay store does not have the provider's limits",
  run: (context) => {
    const { nativeDelayMs, maxHopMs } = context.declared.limits;
    const isNative = nativeDelayMs === Number.POSITIVE_INFINITY;
    const finite = [nativeDelayMs, maxHopMs].filter(Number.isFinite);
    const delayMs = Math.max(isNative ? NATIVE_DAYS_MS : 0, ...finite.map((ms) => 2.2 * ms));
    // A native delay needs no receiver. In the delay queue, a receiver moves the message on.
    const unattendedMs = isNative ? delayMs - context.timing.unitMs : undefined;
    return arrivesOnTime(context, { limits: {}, delayMs, unattendedMs });
  },
});

const together = defineCase({
  requirement: "delay.beyond",
  name: "a hundred delayed messages that are due together all arrive on time and once",
  skip: needsLongDelays,
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect({ limits: shortHops(unitMs) });
    const inbox = context.inbox();
    const messages = Array.from({ length: 100 }, (_, index) => job(index));

    const dueAt = context.now() + 3 * unitMs;
    const sending = client.queue.sendBatch(queue, messages, { delay: { at: new Date(dueAt) } });
    const outcomes = await context.waitFor("the batch", sending);
    const receiver = client.receive(queue, inbox.handler(), { concurrency: 100 });
    const readyAt = Math.max(dueAt, context.now());
    await inbox.waitForMessages(100, 3 * unitMs + patienceMs);
    await context.pass(context.lateMs);
    await receiver.stop();

    expectSame(
      "messages",
      inbox.ids,
      outcomes.map(({ id = "" }) => id),
    );
    for (const { message, at, attempt } of inbox.arrivals) {
      expectEqual(`the attempt of message ${message.id}`, attempt, 1);
      context.expectOnTime(`message ${message.id}`, at, dueAt, 2 * context.lateMs + readyAt - dueAt);
    }
  },
});

const killedWhileMoving = defineCase({
  requirement: "delay.beyond",
  name: "a process that is killed while it moves a delayed message loses no message",
  // A message that a killed process held returns when its lease ends, and the delay queue has long leases.
  skip: firstReason(needsClock("a minute until the lease of the delay queue ends"), needsLongDelays),
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const limits = { nativeDelayMs: 0, maxHopMs: unitMs };
    const queue = await context.makeQueue();
    const doomed = await context.connect({ limits });
    const { id } = await doomed.queue.sendDelayed(queue, job(), 2 * unitMs);
    killOnSend(doomed);

    doomed.receive(queue, async () => {});
    await context.waitUntil("the kill", () => doomed.isKilled, 2 * unitMs + patienceMs);

    await expectSurvives(context, queue, id, 1, limits);
  },
});

export const longDelayCases: readonly ConformanceCase[] = [
  shortLimits,
  noNativeDelay,
  unattended,
  beyondRetention,
  trueLimits,
  together,
  killedWhileMoving,
];
