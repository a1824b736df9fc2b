import type { NewStoredJob } from "./change.ts";
import type { JobRow } from "./job-row.ts";

const NONE: readonly never[] = Object.freeze([]);

/** The row of a job of which nothing is known but its facts. Its state is for the caller to set. */
export function newRow(
  id: string,
  job: NewStoredJob,
  now: number,
  rest: Partial<JobRow> & Pick<JobRow, "status">,
): JobRow {
  const row: JobRow = {
    id,
    type: job.type,
    queue: job.queue,
    status: rest.status,
    priority: job.priority ?? "normal",
    version: 1,
    generation: 0,
    dispatches: 0,
    dispatch: undefined,
    isStoreBorn: false,
    stamp: job.stamp,
    hash: job.hash,
    birthToken: undefined,
    createdAt: job.createdAt,
    updatedAt: now,
    scheduledAt: job.scheduledAt,
    startedAt: undefined,
    finishedAt: undefined,
    nextAt: undefined,
    runs: 0,
    maxAttempts: job.maxAttempts,
    lapsed: 0,
    hold: undefined,
    fence: 0,
    ended: undefined,
    workerId: undefined,
    progress: undefined,
    progressMessage: undefined,
    cancelRequestedAt: undefined,
    cancelReason: undefined,
    error: undefined,
    deadLetterReason: undefined,
    isBuried: false,
    attempts: NONE,
    durationMs: undefined,
    waitMs: undefined,
    tenant: job.tenant,
    tags: job.tags ?? NONE,
    traceId: job.traceId,
    resultOmitted: undefined,
    hasMessage: job.message !== undefined,
    hasSaved: false,
  };
  return Object.assign(row, rest);
}

/** A changed row: of the next version. Later changes replace earlier ones. */
export function changed(row: JobRow, now: number, ...changes: readonly Partial<JobRow>[]): JobRow {
  // All rows have the same properties, so a copy that is assigned to is faster than one spread of all.
  const next: { -readonly [Key in keyof JobRow]: JobRow[Key] } = { ...row };
  for (const change of changes) Object.assign(next, change);
  next.version = row.version + 1;
  next.updatedAt = now;
  return next;
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
