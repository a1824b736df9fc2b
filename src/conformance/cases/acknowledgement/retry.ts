import { RetryAfterError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsCopies } from "../../kit/skips.ts";

const atOnce = defineCase({
  requirement: "acknowledgement.nack",
  name: "a message that is retried without a delay is redelivered at once",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const handler = inbox.handler(({ attempt }) => {
      if (attempt === 1) throw new RetryAfterError(0);
    });

    const { id } = await client.queue.send(queue, job());
    client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 2, context.leaseMs);
    await context.pass(context.leaseMs + context.lateMs);

    expectEqual("attempts", inbox.attempts(id), [1, 2]);
    const [first, second] = inbox.of(id);
    context.expectOnTime("the second run", second!.at, first!.at);
  },
});

const delayed = defineCase({
  requirement: "acknowledgement.nack",
  name: "a message that is retried with a delay is redelivered on time",
  run: (context) => redeliversOnTime(context, 2 * context.timing.unitMs),
});

const beyondLease = defineCase({
  requirement: "acknowledgement.nack",
  name: "a message that is retried with a delay longer than its lease is redelivered on time",
  run: (context) => redeliversOnTime(context, 2 * context.leaseMs),
});

const beyondRelease = defineCase({
  requirement: "acknowledgement.nack",
  name: "a message that is retried with a delay longer than a release can hold is redelivered on time",
  skip: needsCopies,
  run: (context) => redeliversOnTime(context, 3 * context.timing.unitMs, context.timing.unitMs),
});

/** Fails the first run of a message with a delay, and asserts the time of the second run. */
async function redeliversOnTime(
  context: CaseContext,
  delayMs: number,
  maxReleaseDelayMs?: number,
): Promise<void> {
  const queue = await context.makeQueue();
  const limits = maxReleaseDelayMs === undefined ? {} : { maxReleaseDelayMs };
  const client = await context.connect({ limits });
  const inbox = context.inbox();
  let failedAt = 0;
  const handler = inbox.handler(({ attempt }) => {
    if (attempt > 1) return;
    failedAt = context.now();
    throw new RetryAfterError(delayMs);
  });

  const { id } = await client.queue.send(queue, job());
  const receiver = client.receive(queue, handler);
  await inbox.waitForRunsOf(id, 1);
  await inbox.waitForRunsOf(id, 2, delayMs + context.timing.patienceMs);
  await receiver.stop();

  expectEqual("attempts", inbox.attempts(id), [1, 2]);
  context.expectOnTime("the second run", inbox.of(id)[1]!.at, failedAt + delayMs);
  await context.expectEmpty(queue);
}

export const retryCases: readonly ConformanceCase[] = [atOnce, delayed, beyondLease, beyondRelease];
