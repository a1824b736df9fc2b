import type { NewStoredJob } from "./change.ts";
import type { DataChange } from "./effect.ts";
import type { JobRow } from "./job-row.ts";

/** All members of a row, also those without a value. */
type WholeRow = { readonly [Name in keyof Required<JobRow>]: JobRow[Name] };

/** No tags, for the many jobs that have none. */
const NO_TAGS: readonly string[] = Object.freeze([]);
const NO_ATTEMPTS: JobRow["attempts"] = Object.freeze([]);

/** A row that is being written, and that nobody else sees yet. */
export type RowDraft = { -readonly [Name in keyof WholeRow]: WholeRow[Name] };

/** The row of a job of which nothing is known but its facts. The rest of its state is for the caller to set. */
export function newRow(id: string, job: NewStoredJob, now: number, rest?: Partial<JobRow>): RowDraft {
  const row: RowDraft = {
    id,
    type: job.type,
    queue: job.queue,
    status: "queued",
    priority: job.priority ?? "normal",
    version: 1,
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
    attempts: NO_ATTEMPTS,
    durationMs: undefined,
    waitMs: undefined,
    tenant: job.tenant,
    tags: tagsOf(job),
    traceId: job.traceId,
    resultOmitted: undefined,
    hasMessage: isMessageKnown(job),
    hasSaved: false,
  };
  return rest === undefined ? row : Object.assign(row, rest);
}

/** Copied, since the array belongs to the sender. */
export function tagsOf({ tags = NO_TAGS }: NewStoredJob): readonly string[] {
  return tags.length === 0 ? NO_TAGS : [...tags];
}

/** A changed row: of the next version. */
export function changed(row: JobRow, now: number, changes: Partial<JobRow>): JobRow {
  return Object.assign(nextVersion(row, now), changes);
}

/**
 * The next version of a row, for the caller to change. Written out member by member, since every job passes here several
 * times, and a spread of this many members takes five times as long. The type of the row names a member that is missing.
 */
export function nextVersion(row: JobRow, now: number): RowDraft {
  return {
    id: row.id,
    type: row.type,
    queue: row.queue,
    status: row.status,
    priority: row.priority,
    version: row.version + 1,
    generation: row.generation,
    redrives: row.redrives,
    dispatches: row.dispatches,
    dispatch: row.dispatch,
    isStoreBorn: row.isStoreBorn,
    stamp: row.stamp,
    hash: row.hash,
    birthToken: row.birthToken,
    createdAt: row.createdAt,
    updatedAt: now,
    scheduledAt: row.scheduledAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    nextAt: row.nextAt,
    runs: row.runs,
    maxAttempts: row.maxAttempts,
    lapsed: row.lapsed,
    hold: row.hold,
    fence: row.fence,
    ended: row.ended,
    workerId: row.workerId,
    progress: row.progress,
    progressMessage: row.progressMessage,
    cancelRequestedAt: row.cancelRequestedAt,
    cancelReason: row.cancelReason,
    error: row.error,
    deadLetterReason: row.deadLetterReason,
    isBuried: row.isBuried,
    attempts: row.attempts,
    durationMs: row.durationMs,
    waitMs: row.waitMs,
    tenant: row.tenant,
    tags: row.tags,
    traceId: row.traceId,
    resultOmitted: row.resultOmitted,
    hasMessage: row.hasMessage,
    hasSaved: row.hasSaved,
  };
}

/** The changes of a row when its message has been sent, or is not to be sent any more. */
export function withoutDispatch({ dispatch, dispatches }: JobRow): Pick<JobRow, "dispatch" | "dispatches"> {
  return { dispatch: undefined, dispatches: dispatch === undefined ? dispatches : dispatches + 1 };
}

/** Notes in a row that its message has been sent, or is not to be sent any more. */
export function endDispatch(row: RowDraft): void {
  if (row.dispatch === undefined) return;
  row.dispatch = undefined;
  row.dispatches += 1;
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
    hasMessage: isMessageKnown(job),
  });
}

/** Whether the message of a job is known. */
export function isMessageKnown({ message, messageText }: NewStoredJob): boolean {
  return message !== undefined || messageText !== undefined;
}

/** The message of a job, as a change of its data. */
export function messageOf({ message, messageText }: NewStoredJob): DataChange {
  return messageText === undefined ? { message } : { messageText };
}
