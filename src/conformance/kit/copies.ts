import type { Limits } from "../../driver/limits.ts";
import type { CaseContext } from "./case-context.ts";
import { expectAtMost } from "./expect.ts";

/** Longest time after which the core repeats a copy that failed, in milliseconds. */
export const COPY_RETRY_MS = 30_000;
/** Longest lease that a delay queue is read with, in milliseconds. */
const DELAY_LEASE_MS = 60_000;

/** Asserts that another process receives a message at least once and at most `most` times. */
export async function expectSurvives(
  context: CaseContext,
  queue: string,
  id: string,
  most: number,
  limits: Partial<Limits> = {},
): Promise<void> {
  const inbox = context.inbox();
  const client = await context.connect({ limits });
  const leaseMs = Math.min(DELAY_LEASE_MS, context.declared.limits.maxLeaseMs);
  const receiver = client.receive(queue, inbox.handler());
  await inbox.waitForRunsOf(id, 1, 2 * leaseMs + context.timing.patienceMs);
  await context.pass(context.leaseMs + 2 * context.timing.unitMs + context.lateMs);
  await receiver.stop();
  expectAtMost("runs of the message", inbox.count(id), most);
}
