import type { Json } from "./json.ts";
import type {
  FailedAttempt,
  JobError,
  JobLogLine,
  JobRow,
  JobStatus,
  Priority,
  StoredJob,
} from "./store/job-row.ts";
import { isStalled } from "./store/match.ts";

/** A job as its record says. Members without a value are left out. */
export interface JobSnapshot {
  readonly id: string;
  readonly type: string;
  readonly status: JobStatus;
  /** The logical name of its queue. */
  readonly queue: string;
  readonly priority: Priority;
  /** Raised by each change. */
  readonly version: number;
  /** From 0 to 100. */
  readonly progress?: number | undefined;
  readonly progressMessage?: string | undefined;
  /** The number of the last run; 0 before the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** The worker of the last run. */
  readonly workerId?: string | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When it is or was due, if it was sent with a delay. */
  readonly scheduledAt?: Date | undefined;
  /** When the last run began. */
  readonly startedAt?: Date | undefined;
  readonly finishedAt?: Date | undefined;
  /** When the next run of a `retrying` job is due. */
  readonly nextAttemptAt?: Date | undefined;
  /** Milliseconds that the first run waited since the job was created or due. */
  readonly waitMs?: number | undefined;
  /** Milliseconds of the last run. */
  readonly durationMs?: number | undefined;
  readonly tenant?: string | undefined;
  readonly tags: readonly string[];
  readonly traceId?: string | undefined;
  /** The error of the last run that failed. */
  readonly error?: JobError | undefined;
  /** The reason of the dead-lettering of a `failed` job. */
  readonly deadLetterReason?: string | undefined;
  readonly cancelRequestedAt?: Date | undefined;
  readonly cancelReason?: string | undefined;
  /** True if the job is `processing`, and no run is known to go on: its worker was killed, or the store was not reached. */
  readonly isStalled?: true | undefined;
  /** True if the job is due for more than 10 s, and was not sent to its queue. */
  readonly isOverdue?: true | undefined;
  /** Why there is no result although the job completed. */
  readonly resultOmitted?: "too_large" | "not_json" | undefined;
  /** The failed runs, the latest last; at most 10. */
  readonly attempts: readonly FailedAttempt[];
  /** Set if it was asked for. As the codec of the queue has encoded it, if `payloadEncoding` is set. */
  readonly payload?: Json | undefined;
  /** The encoding of the payload, if it could not be decoded here: the queue has no codec, or the codec has failed. */
  readonly payloadEncoding?: string | undefined;
  /** Set if it was asked for, and the job has one. */
  readonly result?: Json | undefined;
  /** Set if it was asked for. */
  readonly logs?: readonly JobLogLine[] | undefined;
}

/** A job is overdue when it should have been sent to its queue for this long. */
const OVERDUE_MS = 10_000;

/** The snapshot of a job, as of `now` in epoch milliseconds. */
export function snapshotOf({ row, message, result, logs }: StoredJob, now: number): JobSnapshot {
  return withoutUndefined<JobSnapshot>({
    id: row.id,
    type: row.type,
    status: row.status,
    queue: row.queue,
    priority: row.priority,
    version: row.version,
    progress: row.progress,
    progressMessage: row.progressMessage,
    attempt: row.runs,
    maxAttempts: row.maxAttempts,
    workerId: row.workerId,
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
    scheduledAt: dateOf(row.scheduledAt),
    startedAt: dateOf(row.startedAt),
    finishedAt: dateOf(row.finishedAt),
    nextAttemptAt: dateOf(row.nextAt),
    waitMs: row.waitMs,
    durationMs: row.durationMs,
    tenant: row.tenant,
    tags: row.tags,
    traceId: row.traceId,
    error: row.error,
    deadLetterReason: row.deadLetterReason,
    cancelRequestedAt: dateOf(row.cancelRequestedAt),
    cancelReason: row.cancelReason,
    isStalled: isStalled(row, now) ? true : undefined,
    isOverdue: isOverdue(row, now) ? true : undefined,
    resultOmitted: row.resultOmitted,
    attempts: row.attempts,
    payload: message?.payload,
    payloadEncoding: message?.encoding,
    result,
    logs,
  });
}

/** Whether a snapshot without data is what {@link snapshotOf} would return for a row now. */
export function isSnapshotOf(snapshot: JobSnapshot, row: JobRow, now: number): boolean {
  return (
    snapshot.version === row.version &&
    // An id that was deleted and sent again begins at the first version.
    snapshot.updatedAt.getTime() === row.updatedAt &&
    snapshot.createdAt.getTime() === row.createdAt &&
    snapshot.isStalled === (isStalled(row, now) ? true : undefined) &&
    snapshot.isOverdue === (isOverdue(row, now) ? true : undefined)
  );
}

function isOverdue({ dispatch }: JobRow, now: number): boolean {
  return dispatch !== undefined && now - dispatch.dueAt > OVERDUE_MS;
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

/** Leaves out what has no value, so that nothing is `undefined` or `null` in a log or in JSON. */
function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
