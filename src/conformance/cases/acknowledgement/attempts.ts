import { RetryAfterError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { firstReason, needsCopies, needsCounts } from "../../kit/skips.ts";

const retries = defineCase({
  requirement: "acknowledgement.attempts",
  name: "the attempt number rises by one with each retry",
  skip: needsCounts,
  run: (context) => countsRetries(context, 0),
});

const delayedRetries = defineCase({
  requirement: "acknowledgement.attempts",
  name: "the attempt number rises by one with each delayed retry",
  skip: needsCounts,
  run: (context) => countsRetries(context, context.timing.unitMs / 2),
});

const copiedRetries = defineCase({
  requirement: "acknowledgement.attempts",
  name: "the attempt number rises by one with each retry that is sent as a copy",
  skip: firstReason(needsCopies, needsCounts),
  run: (context) => countsRetries(context, context.timing.unitMs, 0),
});

/** Fails five runs with a delay and lets the sixth succeed, and asserts the attempt numbers. */
async function countsRetries(
  context: CaseContext,
  delayMs: number,
  maxReleaseDelayMs?: number,
): Promise<void> {
  const queue = await context.makeQueue({ maxAttempts: 6 });
  const limits = maxReleaseDelayMs === undefined ? {} : { maxReleaseDelayMs };
  const client = await context.connect({ limits });
  const inbox = context.inbox();
  const handler = inbox.handler(({ attempt }) => {
    if (attempt < 6) throw new RetryAfterError(delayMs);
  });

  const { id } = await client.queue.send(queue, { ...job(), maxAttempts: 6 });
  const receiver = client.receive(queue, handler);
  await inbox.waitForRunsOf(id, 6, 6 * delayMs + context.timing.patienceMs);
  await receiver.stop();

  expectEqual("attempts", inbox.attempts(id), [1, 2, 3, 4, 5, 6]);
  await context.expectEmpty(queue);
}

const expiries = defineCase({
  requirement: "acknowledgement.attempts",
  name: "the attempt number rises by one with each killed process whose lease expires",
  skip: needsCounts,
  async run(context) {
    const queue = await context.makeQueue();
    const inbox = context.inbox();
    const patienceMs = 2 * context.timing.patienceMs;
    const { id } = await (await context.connect()).queue.send(queue, job());

    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const doomed = await context.connect();
      const hangs = inbox.handler(() => context.hang());
      doomed.receive(queue, hangs, { concurrency: 1 });
      await inbox.waitForRunsOf(id, attempt, patienceMs);
      await doomed.kill();
    }
    (await context.connect()).receive(queue, inbox.handler(), { concurrency: 1 });
    await inbox.waitForRunsOf(id, 4, patienceMs);

    expectEqual("attempts", inbox.attempts(id), [1, 2, 3, 4]);
  },
});

/** One after the other: a release, a copy, a kill and an orderly restart of the process. */
const STEPS = [
  { copies: false, kills: false, delayUnits: 0 },
  { copies: true, kills: false, delayUnits: 1 },
  { copies: false, kills: true, delayUnits: 0 },
  { copies: false, kills: false, delayUnits: 1 },
  { copies: true, kills: false, delayUnits: 1 },
  { copies: false, kills: true, delayUnits: 0 },
] as const;

const mixed = defineCase({
  requirement: "acknowledgement.attempts",
  name: "the attempt number rises by one through retries, copies, killed processes and restarts in turn",
  skip: firstReason(needsCopies, needsCounts),
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue({ maxAttempts: 8 });
    const inbox = context.inbox();
    const sender = await context.connect();
    const { id } = await sender.queue.send(queue, { ...job(), maxAttempts: 8 });

    for (const [index, { copies, kills, delayUnits }] of STEPS.entries()) {
      const client = await context.connect({ limits: copies ? { maxReleaseDelayMs: 0 } : {} });
      const handler = inbox.handler(async () => {
        if (kills) return context.hang();
        // The process stops while it fails this run, so that the next run belongs to another process.
        void receiver.requestStop().catch(() => {});
        await context.sleep(1);
        throw new RetryAfterError(delayUnits * unitMs);
      });
      const receiver = client.receive(queue, handler, { concurrency: 1 });
      await inbox.waitForRunsOf(id, index + 1, 2 * patienceMs);
      if (kills) {
        // A copy from the delay queue is acknowledged there first. A kill before that would leave two copies.
        await context.pass(unitMs / 2);
        await client.kill();
      } else {
        await context.waitFor("the end of the receiver", receiver.ended);
        await client.close();
      }
    }
    const receiver = (await context.connect()).receive(queue, inbox.handler(), { concurrency: 1 });
    await inbox.waitForRunsOf(id, 7, 2 * patienceMs);
    await receiver.stop();

    expectEqual("attempts", inbox.attempts(id), [1, 2, 3, 4, 5, 6, 7]);
    await context.expectEmpty(queue);
  },
});

export const attemptCases: readonly ConformanceCase[] = [
  retries,
  delayedRetries,
  copiedRetries,
  expiries,
  mixed,
];
