import type { NewStoredJob } from "./change.ts";
import type { JobRow } from "./job-row.ts";

/** The row of a job of which nothing is known but its facts. Its state is for the caller to set. */
export function newRow(
  id: string,
  job: NewStoredJob,
  now: number,
  rest: Partial<JobRow> & Pick<JobRow, "status">,
): JobRow {
  return {
    id,
    type: job.type,
    queue: job.queue,
    priority: job.priority ?? "normal",
    version: 1,
    generation: 0,
    dispatches: 0,
    isStoreBorn: false,
    stamp: job.stamp,
    hash: job.hash,
    createdAt: job.createdAt,
    updatedAt: now,
    scheduledAt: job.scheduledAt,
    runs: 0,
    maxAttempts: job.maxAttempts,
    lapsed: 0,
    fence: 0,
    isBuried: false,
    attempts: [],
    tenant: job.tenant,
    tags: job.tags ?? [],
    traceId: job.traceId,
    hasMessage: job.message !== undefined,
    hasSaved: false,
    ...rest,
  };
}

/** A changed row: of the next version. */
export function changed(row: JobRow, now: number, changes: Partial<JobRow>): JobRow {
  return { ...row, ...changes, version: row.version + 1, updatedAt: now };
}

/** The changes of a row when its message has been sent, or is not to be sent any more. */
export function withoutDispatch({ dispatch, dispatches }: JobRow): Pick<JobRow, "dispatch" | "dispatches"> {
  return { dispatch: undefined, dispatches: dispatch === undefined ? dispatches : dispatches + 1 };
}

/** A job that was cancelled before anything else was known of it has no type yet. */
export function isTombstone(row: JobRow): boolean {
  return row.type === "";
}

/** Fills in the facts of a job that was cancelled in advance. It stays cancelled. */
export function filled(row: JobRow, job: NewStoredJob, now: number): JobRow {
  const { type, queue, maxAttempts, createdAt, scheduledAt, stamp, hash, tenant, traceId } = job;
  const { priority = row.priority, tags = row.tags } = job;
  return changed(row, now, {
    type,
    queue,
    maxAttempts,
    createdAt,
    scheduledAt,
    stamp,
    hash,
    tenant,
    traceId,
    priority,
    tags,
    hasMessage: job.message !== undefined,
  });
}
