import type { BackoffOptions } from "../../backoff.ts";
import type { Json } from "../json.ts";
import type { Headers, TraceContext } from "../../message/message.ts";

/**
 * The state of a job:
 *
 * - `scheduled`: It is due later.
 * - `queued`: It waits for a worker.
 * - `processing`: A worker has claimed it.
 * - `retrying`: A run failed. The next one is due at `nextAt`.
 * - `completed`: A run ended without an error.
 * - `failed`: It was dead-lettered.
 * - `cancelled`: It was cancelled before it was complete.
 * - `lost`: Its message left the queue, and no end of it was recorded.
 */
export type JobStatus = (typeof jobStatuses)[number];

/** All states of a job, in the order of its life. */
export const jobStatuses = [
  "scheduled",
  "queued",
  "processing",
  "retrying",
  "completed",
  "failed",
  "cancelled",
  "lost",
] as const;

/** The states that a job leaves only by a retry from its record, or by a redrive. */
export type FinalStatus = "completed" | "failed" | "cancelled" | "lost";

/** Whether a job in this state is over. */
export function isFinal(status: JobStatus): status is FinalStatus {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "lost";
}

/** The levels of priority, the lowest first. A REST request names them by their index. */
export const priorities = ["low", "normal", "high", "critical"] as const;

/** A level of priority. It is recorded; all jobs of a queue run in the order of their arrival. */
export type Priority = (typeof priorities)[number];

/** The error of a run, as it is recorded. */
export interface JobError {
  /** At most 4,096 characters. */
  readonly message: string;
  /** The code of the error, such as `timeout`; undefined if it has none. */
  readonly code?: string | undefined;
  /** The place of the error, such as `mail.ts:12:4`. */
  readonly frame?: string | undefined;
  /** Errors that are alike have the same fingerprint. */
  readonly fingerprint?: string | undefined;
}

/** One run that failed. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly workerId: string;
  /** In epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly error: JobError;
}

/** The failed runs that a row keeps. The oldest are dropped first. */
export const MAX_ATTEMPTS_KEPT = 10;

/** The right of one run to end its job: given by a claim, and lost to the next claim. */
export interface Hold {
  /** The name of the claim. The worker creates it, so that an answer that was lost can be asked for again. */
  readonly token: string;
  /** When another worker may take the job over, in epoch milliseconds of the store's clock. */
  readonly until: number;
  readonly workerId: string;
  /** The number of the last `touch` or `end`; an older one has no effect. */
  readonly seq: number;
}

/** The message of a store-born job that has not been sent to its queue: when, and by which try. */
export interface Dispatch {
  /** When it is to be sent, in epoch milliseconds. */
  readonly dueAt: number;
  /** Until when one process has taken it to send it; 0 if none has. */
  readonly takenUntil: number;
  /** Failed sends since the last one that worked. */
  readonly failures: number;
}

/**
 * The record of a job without its data (see {@link JobData}). All times are epoch milliseconds of the store's clock. A row
 * is never changed: {@link transition} returns a new one.
 */
export interface JobRow {
  readonly id: string;
  readonly type: string;
  /** The logical name of its queue. */
  readonly queue: string;
  readonly status: JobStatus;
  readonly priority: Priority;
  /** Raised by each change; orders the changes of one job. */
  readonly version: number;
  /** Raised by each redrive and each retry from the record; 0 at first. */
  readonly generation: number;
  /** `qp_redrive` of the message of the last run. Less than `generation` if the job was retried while it had a message. */
  readonly redrives: number;
  /** Raised by each dispatch that was confirmed. */
  readonly dispatches: number;
  /** Set while the message has to be sent to its queue. */
  readonly dispatch?: Dispatch | undefined;
  /** Whether the row was written before the message was sent. */
  readonly isStoreBorn: boolean;
  /**
   * Distinguishes the message from others of the same id: the time of its creation, or a hash of its payload if it has
   * none. Undefined until it is known.
   */
  readonly stamp?: string | undefined;
  /** The hash of the payload of a job whose id its sender chose. */
  readonly hash?: string | undefined;
  /** The token of the birth, so that a sender that repeats it gets the same answer. */
  readonly birthToken?: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When it was due; undefined if it was sent without a delay. */
  readonly scheduledAt?: number | undefined;
  /** When the last run began. */
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  /** When the next run of a `retrying` job is due. */
  readonly nextAt?: number | undefined;
  /** Runs that count: all but the released ones. The number of the last attempt. */
  readonly runs: number;
  readonly maxAttempts: number;
  /** Claims since the last end that ended without a word. */
  readonly lapsed: number;
  /** Set while the job is `processing`. */
  readonly hold?: Hold | undefined;
  /** The fence of the last claim: higher than that of every claim before. */
  readonly fence: number;
  /** The token of the last claim that ended, and how, so that a repeated end gets the same answer. */
  readonly ended?: { readonly token: string; readonly status: JobStatus } | undefined;
  /** The worker of the last run. */
  readonly workerId?: string | undefined;
  /** From 0 to 100. */
  readonly progress?: number | undefined;
  readonly progressMessage?: string | undefined;
  readonly cancelRequestedAt?: number | undefined;
  readonly cancelReason?: string | undefined;
  /** The error of the last run that failed. */
  readonly error?: JobError | undefined;
  /** The reason of a `failed` job's dead-lettering. */
  readonly deadLetterReason?: string | undefined;
  /** Whether the dead letter of a `failed` job is known to be in the dead-letter queue. */
  readonly isBuried: boolean;
  /** At most {@link MAX_ATTEMPTS_KEPT}, the latest last. */
  readonly attempts: readonly FailedAttempt[];
  /** Milliseconds of the last run. */
  readonly durationMs?: number | undefined;
  /** Milliseconds that the first run waited since the job was created or due. */
  readonly waitMs?: number | undefined;
  readonly tenant?: string | undefined;
  readonly tags: readonly string[];
  /** The trace id of the message's trace context. */
  readonly traceId?: string | undefined;
  /** Why there is no result although the job completed. */
  readonly resultOmitted?: "too_large" | "not_json" | undefined;
  /** Whether {@link JobData} has the message, so that the job can be sent again. */
  readonly hasMessage: boolean;
  /** Whether {@link JobData} has a checkpoint or steps, so that a claim has to read it. */
  readonly hasSaved: boolean;
}

/** The message of a job, from which it can be sent again. */
export interface StoredJobMessage {
  /** As the codec of the queue has encoded it, if `encoding` is set. A store never has such a payload in clear. */
  readonly payload: Json;
  /** The name of the encoding of the payload; undefined if it is in clear. */
  readonly encoding?: string | undefined;
  readonly headers?: Headers | undefined;
  readonly backoff?: BackoffOptions | undefined;
  readonly orderingKey?: string | undefined;
  readonly trace?: TraceContext | undefined;
}

/** One line that a handler has logged. */
export interface JobLogLine {
  /** In epoch milliseconds. */
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields?: Readonly<Record<string, Json>> | undefined;
}

/** Lines and bytes of JSON of the log of one job. The oldest are dropped first. */
export const MAX_LOG_LINES = 100;
export const MAX_LOG_BYTES = 65_536;

/** The large parts of a job, which lists do not read. */
export interface JobData {
  /** Undefined for a job that was cancelled before it was known, and if the retention has dropped it. */
  readonly message?: StoredJobMessage | undefined;
  readonly result?: Json | undefined;
  /** The value of the last `save`. */
  readonly saved?: Json | undefined;
  /** The results of the steps that are done, by name. */
  readonly steps?: Readonly<Record<string, Json>> | undefined;
  readonly logs?: readonly JobLogLine[] | undefined;
}

/** A job with the parts of its data that were asked for. */
export interface StoredJob extends JobData {
  readonly row: JobRow;
}
