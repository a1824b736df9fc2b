import type { BackoffOptions } from "../../../backoff.ts";
import type { JobEvent, ReceiveEvent } from "../../../diagnostics.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectInfo, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectAtMost, expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsCopies, needsCounts } from "../../kit/skips.ts";
import type { ClientOptions } from "../../kit/test-client.ts";

const exponential = defineCase({
  requirement: "failure.backoff",
  name: "a job that fails is retried after a backoff that grows up to its cap",
  run(context) {
    const baseMs = context.timing.unitMs;
    const backoff = { baseMs, factor: 2, capMs: 3 * baseMs, jitter: false };
    return retriesAfter(context, backoff, [baseMs, 2 * baseMs, 3 * baseMs, 3 * baseMs]);
  },
});

const jittered = defineCase({
  requirement: "failure.backoff",
  name: "a backoff with jitter is drawn between zero and its ceiling",
  run(context) {
    const baseMs = 4 * context.lateMs;
    const backoff = { baseMs, factor: 2, capMs: 10 * baseMs };
    return retriesAfter(context, backoff, [baseMs / 2, baseMs], { random: () => 0.5 });
  },
});

const beyondRelease = defineCase({
  requirement: "failure.backoff",
  name: "a backoff longer than a release can hold is still waited for in full",
  skip: needsCopies,
  run(context) {
    const baseMs = 2 * context.timing.unitMs;
    const backoff = { baseMs, factor: 1.5, capMs: 3 * baseMs, jitter: false };
    const limits = { maxReleaseDelayMs: context.timing.unitMs };
    return retriesAfter(context, backoff, [baseMs, 1.5 * baseMs], { limits });
  },
});

/** Runs a job that always fails, and asserts the waits before each run after the first. */
async function retriesAfter(
  context: CaseContext,
  backoff: BackoffOptions,
  waitsMs: readonly number[],
  options: ClientOptions = {},
): Promise<void> {
  const maxAttempts = waitsMs.length + 1;
  const queue = await context.makeQueue({ maxAttempts });
  const client = await context.connect({ ...options, backoff });
  const inbox = context.inbox();
  const [announcedMs, failedAt]: [number[], number[]] = [[], []];
  const onEvent = (event: JobEvent | ReceiveEvent): void => {
    if (event.event === "retrying") announcedMs.push(event.delayMs);
  };
  const handler = inbox.handler(() => {
    failedAt.push(context.now());
    throw new Error("it fails");
  });

  const { id } = await client.queue.send(queue, { ...job(), maxAttempts });
  client.receive(queue, handler, { onEvent });
  const totalMs = waitsMs.reduce((sum, ms) => sum + ms, 0);
  await inbox.waitForRunsOf(id, maxAttempts, totalMs + context.timing.patienceMs);
  const deadLetter = await waitForDeadLetter(context, client, queue);
  await context.pass(context.leaseMs + context.lateMs);

  const all = Array.from({ length: maxAttempts }, (_, index) => index + 1);
  expectEqual("attempts", inbox.attempts(id), all);
  expectEqual("delays of the retrying events in ms", announcedMs, waitsMs);
  expectInfo(deadLetter, { reason: "max_attempts" });
  for (const [index, waitMs] of waitsMs.entries()) {
    context.expectOnTime(`run ${index + 2}`, inbox.arrivals[index + 1]!.at, failedAt[index]! + waitMs);
  }
}

const freesSlot = defineCase({
  requirement: "failure.backoff",
  name: "a run that fails frees its slot, so that two slots complete twenty jobs that fail twice each",
  skip: needsCounts,
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect({ backoff: { baseMs: 10, factor: 1, jitter: false } });
    const inbox = context.inbox();
    const handler = inbox.handler(({ attempt }) => {
      if (attempt < 3) throw new Error("not yet");
    });

    const ids = await context.sendMany(client, queue, 20);
    const receiver = client.receive(queue, handler, { concurrency: 2 });
    await inbox.waitForRuns(60);
    await receiver.stop();

    expectAtMost("handlers at once", inbox.mostRunning, 2);
    for (const id of ids) expectEqual(`attempts of message ${id}`, inbox.attempts(id), [1, 2, 3]);
    await context.expectEmpty(queue);
  },
});

export const backoffCases: readonly ConformanceCase[] = [exponential, jittered, beyondRelease, freesSlot];
