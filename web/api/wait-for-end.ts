import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import { isQueueError } from "../../src/errors.ts";
import type { Clock } from "../../src/lib/clock.ts";

/** The limits of {@link waitForEnd}. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Codes of a result that say that the job is over, or that the time is up. */
const ENDED: ReadonlySet<string> = new Set(["job_failed", "cancelled", "timeout", "untracked", "not_found"]);

/** Waits until the job is over, the time is up, or the client has gone. Its outcome does not matter. */
export async function waitForEnd(
  jobs: Jobs,
  { id }: JobSnapshot,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  if (timeoutMs === 0) return;
  try {
    await jobs.job(id).result({ timeoutMs, signal });
  } catch (error) {
    if (signal.aborted) return;
    if (!isQueueError(error) || !ENDED.has(error.code)) throw error;
  }
}
