import type { NewStoredJob } from "./change.ts";
import type { JobRow } from "./job-row.ts";

/** All members of a row, also those without a value. */
type WholeRow = { readonly [Name in keyof Required<JobRow>]: JobRow[Name] };

/** No tags, for the many jobs that have none. */
const NO_TAGS: readonly string[] = Object.freeze([]);

/** The row of a job of which nothing is known but its facts. Its state is for the caller to set. */
export function newRow(
  id: string,
  job: NewStoredJob,
  now: number,
  rest: Partial<JobRow> & Pick<JobRow, "status">,
): JobRow {
  const row: WholeRow = {
    id,
    type: job.type,
    queue: job.queue,
    status: rest.status,
    priority: job.priority ?? "normal",
    version: (rest.version ?? 1) - 1,
    generation: 0,
    redrives: 0,
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
    attempts: [],
    durationMs: undefined,
    waitMs: undefined,
    tenant: job.tenant,
    tags: tagsOf(job),
    traceId: job.traceId,
    resultOmitted: undefined,
    hasMessage: job.message !== undefined,
    hasSaved: false,
  };
  return changed(row, now, rest);
}

/** Copied, since the array belongs to the sender. */
export function tagsOf({ tags = NO_TAGS }: NewStoredJob): readonly string[] {
  return tags.length === 0 ? NO_TAGS : [...tags];
}

/** A changed row: of the next version. Later changes replace earlier ones. */
export function changed(row: JobRow, now: number, ...changes: readonly Partial<JobRow>[]): JobRow {
  const version = row.version + 1;
  return changes.reduce((next: JobRow, change) => merged(next, change, version, now), row);
}

/**
 * A row with some of its members replaced. Written out member by member, since every job passes here several times, and a
 * spread of this many members takes five times as long. The type of the row names a member that is missing.
 */
function merged(row: JobRow, changes: Partial<JobRow>, version: number, now: number): JobRow {
  const next: WholeRow = {
    id: changes.id ?? row.id,
    type: changes.type ?? row.type,
    queue: changes.queue ?? row.queue,
    status: changes.status ?? row.status,
    priority: changes.priority ?? row.priority,
    version,
    generation: changes.generation ?? row.generation,
    redrives: changes.redrives ?? row.redrives,
    dispatches: changes.dispatches ?? row.dispatches,
    dispatch: "dispatch" in changes ? changes.dispatch : row.dispatch,
    isStoreBorn: changes.isStoreBorn ?? row.isStoreBorn,
    stamp: "stamp" in changes ? changes.stamp : row.stamp,
    hash: "hash" in changes ? changes.hash : row.hash,
    birthToken: "birthToken" in changes ? changes.birthToken : row.birthToken,
    createdAt: changes.createdAt ?? row.createdAt,
    updatedAt: now,
    scheduledAt: "scheduledAt" in changes ? changes.scheduledAt : row.scheduledAt,
    startedAt: "startedAt" in changes ? changes.startedAt : row.startedAt,
    finishedAt: "finishedAt" in changes ? changes.finishedAt : row.finishedAt,
    nextAt: "nextAt" in changes ? changes.nextAt : row.nextAt,
    runs: changes.runs ?? row.runs,
    maxAttempts: changes.maxAttempts ?? row.maxAttempts,
    lapsed: changes.lapsed ?? row.lapsed,
    hold: "hold" in changes ? changes.hold : row.hold,
    fence: changes.fence ?? row.fence,
    ended: "ended" in changes ? changes.ended : row.ended,
    workerId: "workerId" in changes ? changes.workerId : row.workerId,
    progress: "progress" in changes ? changes.progress : row.progress,
    progressMessage: "progressMessage" in changes ? changes.progressMessage : row.progressMessage,
    cancelRequestedAt: "cancelRequestedAt" in changes ? changes.cancelRequestedAt : row.cancelRequestedAt,
    cancelReason: "cancelReason" in changes ? changes.cancelReason : row.cancelReason,
    error: "error" in changes ? changes.error : row.error,
    deadLetterReason: "deadLetterReason" in changes ? changes.deadLetterReason : row.deadLetterReason,
    isBuried: changes.isBuried ?? row.isBuried,
    attempts: changes.attempts ?? row.attempts,
    durationMs: "durationMs" in changes ? changes.durationMs : row.durationMs,
    waitMs: "waitMs" in changes ? changes.waitMs : row.waitMs,
    tenant: "tenant" in changes ? changes.tenant : row.tenant,
    tags: changes.tags ?? row.tags,
    traceId: "traceId" in changes ? changes.traceId : row.traceId,
    resultOmitted: "resultOmitted" in changes ? changes.resultOmitted : row.resultOmitted,
    hasMessage: changes.hasMessage ?? row.hasMessage,
    hasSaved: changes.hasSaved ?? row.hasSaved,
  };
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
  const { priority = row.priority } = job;
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
    tags: tagsOf(job),
    hasMessage: job.message !== undefined,
  });
}
