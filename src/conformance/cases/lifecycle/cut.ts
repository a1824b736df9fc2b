import { DriverError } from "../../../driver/error.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectAtMost } from "../../kit/expect.ts";
import type { Interceptors } from "../../kit/interceptors.ts";
import { breakOf, needsBreak } from "../../kit/skips.ts";

const MOST_LOSSES = 2;

const duringReceive = defineCase({
  requirement: "lifecycle.cut",
  name: "a receiver that lost the answer to a receive request resumes and loses no message",
  run: (context) =>
    resumesAfterLoss(context, (lose) => ({
      receive: async (_queue, pass) => {
        const received = await pass();
        if (received.length > 0) lose();
        return received;
      },
    })),
});

const duringAck = defineCase({
  requirement: "lifecycle.cut",
  name: "a receiver that lost the answer to an acknowledgement resumes and loses no message",
  run: (context) =>
    resumesAfterLoss(context, (lose) => ({
      settle: async (_queue, operations, pass) => {
        const results = await pass(operations);
        if (operations.some(({ kind }) => kind === "ack")) lose();
        return results;
      },
    })),
});

/** Receives twenty messages while two answers are lost. `lose` throws, until it has done so often enough. */
async function resumesAfterLoss(
  context: CaseContext,
  interceptorsOf: (lose: () => void) => Interceptors,
): Promise<void> {
  const queue = await context.makeQueue();
  const client = await context.connect();
  const inbox = context.inbox();
  const ids = await context.sendMany(client, queue, 20);
  let losses = 0;
  const lose = (): void => {
    if (losses >= MOST_LOSSES) return;
    losses += 1;
    throw new DriverError("ambiguous", "the connection was cut");
  };
  Object.assign(client.interceptors, interceptorsOf(lose));

  const receiver = client.receive(queue, inbox.handler(), { concurrency: 5 });
  await inbox.waitForAll(ids, 3 * context.leaseMs + context.timing.patienceMs);
  await context.waitUntil("two lost answers", () => losses === MOST_LOSSES);
  await context.pass(context.leaseMs + context.lateMs);
  await receiver.stop();

  // A message whose receive answer was lost was not run before. One whose acknowledgement answer was lost is gone.
  context.expectDuplicates(inbox.duplicates, 5);
  await context.expectEmpty(queue);
}

const connection = defineCase({
  requirement: "lifecycle.cut",
  name: "a receiver whose connection is cut, while idle or while handlers run, resumes and loses no message",
  skip: needsBreak,
  alone: true,
  async run(context) {
    const { unitMs } = context.timing;
    const breakAll = breakOf(context.harness.faults)!;
    const queue = await context.makeQueue();
    const sender = await context.connect();
    const client = await context.connect();
    const inbox = context.inbox();
    const handler = inbox.handler(() => context.sleep(unitMs / 2));

    const receiver = client.receive(queue, handler);
    await context.pass(unitMs / 2);
    await context.waitFor("a cut while the receiver is idle", breakAll());
    const first = await context.sendMany(sender, queue, 5);
    await inbox.waitForAll(first);
    await context.waitFor("a cut while handlers run", breakAll());
    const second = await context.sendMany(sender, queue, 5);
    await inbox.waitForAll(second);
    await context.pass(context.leaseMs + context.lateMs);
    await receiver.stop();

    await context.expectEmpty(queue);
    expectAtMost("duplicates of messages that were leased at a cut", inbox.duplicates, 5);
  },
});

export const cutCases: readonly ConformanceCase[] = [duringReceive, duringAck, connection];
