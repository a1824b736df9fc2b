import {
  isFinal,
  type JobRow,
  keptMs,
  MIN_KEPT_MS,
  type PrunePolicy,
} from "../../../src/jobs/store/index.ts";

/** A finished job in the order of the ends: by its time, and by its number within a millisecond. */
export interface Finished {
  readonly job: number;
  readonly finished_at: number;
}

/** A row with its number. */
interface Numbered {
  readonly job: number;
  readonly row: JobRow;
}

export function byEnd(one: Finished, other: Finished): number {
  return one.finished_at - other.finished_at || one.job - other.job;
}

export function endOf({ job, row }: Numbered): Finished {
  return { job, finished_at: row.finishedAt ?? 0 };
}

/**
 * Whether a policy does not keep a job.
 * @param last the last of the jobs that are beyond the number that the policy keeps; undefined if there are none
 */
export function isPrunable(
  stored: Numbered,
  policy: PrunePolicy,
  last: Finished | undefined,
  now: number,
): boolean {
  const { finishedAt, status } = stored.row;
  if (finishedAt === undefined || !isFinal(status)) return false;
  const ageMs = now - finishedAt;
  if (ageMs > keptMs(status, policy)) return true;
  return last !== undefined && ageMs > MIN_KEPT_MS && byEnd(endOf(stored), last) <= 0;
}
