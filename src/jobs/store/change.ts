import type { Json } from "../json.ts";
import type { JobError, JobLogLine, JobRow, JobStatus, Priority, StoredJobMessage } from "./job-row.ts";

/** The facts of a job that are known when its row is created. */
export interface NewStoredJob {
  readonly type: string;
  readonly queue: string;
  readonly priority?: Priority | undefined;
  readonly maxAttempts: number;
  /** When the message was created, in epoch milliseconds. */
  readonly createdAt: number;
  /** When it was due, in epoch milliseconds; undefined if it was sent without a delay. */
  readonly scheduledAt?: number | undefined;
  readonly stamp?: string | undefined;
  readonly hash?: string | undefined;
  readonly tenant?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly traceId?: string | undefined;
  /** Undefined if the message cannot be sent again from its record: its payload could not be read. */
  readonly message: StoredJobMessage | undefined;
  /** The message as JSON, in place of `message`. Only in changes for `applyNow` of a store. */
  readonly messageText?: string | undefined;
}

interface ChangeOf<Kind extends string> {
  readonly kind: Kind;
  readonly id: string;
}

/** Records a message that was sent. It fills in what a row lacks, and never sets a job back. */
export interface InsertChange extends ChangeOf<"insert"> {
  readonly job: NewStoredJob;
}

/**
 * Creates a job before its message is sent. The row stays due until a process has taken it by `takeDue`, sent the message,
 * and confirmed it. The sender may take it at once by `takenMs`.
 */
export interface BirthChange extends ChangeOf<"birth"> {
  readonly job: NewStoredJob;
  /** Names this birth, so that it can be repeated. */
  readonly token: string;
  /** Milliseconds until the job is due. */
  readonly dueInMs: number;
  /** Milliseconds for which the sender takes the dispatch, if the job is due at once; 0 if it does not. */
  readonly takenMs: number;
}

/** Asks whether a run may begin, and holds the job for it. */
export interface ClaimChange extends ChangeOf<"claim"> {
  /** Names this claim. The same token gets the same answer again. */
  readonly token: string;
  readonly workerId: string;
  readonly queue: string;
  readonly type: string;
  readonly stamp: string;
  /** Number of times that the message was redriven: `qp_redrive`. */
  readonly redrive: number;
  /** Whether this delivery was in the dead-letter queue: another tool moved it back as it was. */
  readonly wasDeadLetter: boolean;
  /** Failed runs before this one by the broker's count. They count for a job without a row. */
  readonly attemptsBefore: number;
  /** Failed runs before this copy was made: `qp_attempt`. */
  readonly attemptsOfCopy: number;
  /** Milliseconds for which the job is held: the rest of the broker's lease, and a little more. */
  readonly leaseMs: number;
  /** The job's facts. Called if there is no row, or if a store needs them before it knows. */
  readonly seed: () => NewStoredJob;
}

/** Reports from a run, and holds the job further. */
export interface TouchChange extends ChangeOf<"touch"> {
  readonly token: string;
  /** Orders the changes of one claim: an older one has no effect. */
  readonly seq: number;
  /** Undefined if the hold is not extended. */
  readonly leaseMs?: number | undefined;
  readonly progress?: number | undefined;
  readonly progressMessage?: string | undefined;
  /** The checkpoint. */
  readonly saved?: { readonly value: Json } | undefined;
  readonly steps?: Readonly<Record<string, Json>> | undefined;
  readonly logs?: readonly JobLogLine[] | undefined;
}

/** The outcome of a run. */
export type RunOutcome = "completed" | "retrying" | "failed" | "cancelled" | "released";

/** Records the end of a run, before its message is settled. */
export interface EndChange extends ChangeOf<"end"> {
  /** The claim that ends; undefined if a message was refused without a claim. */
  readonly token?: string | undefined;
  /** Whether a handler ran without a confirmed claim, since the store could not be reached. */
  readonly isUntracked: boolean;
  readonly seq: number;
  readonly generation: number;
  readonly attempt: number;
  readonly outcome: RunOutcome;
  /** Milliseconds until the next run, if the outcome is `retrying`. */
  readonly inMs?: number | undefined;
  readonly result?: { readonly value: Json } | undefined;
  readonly resultOmitted?: JobRow["resultOmitted"];
  readonly error?: JobError | undefined;
  /** The reason of the dead letter, if the outcome is `failed`. */
  readonly deadLetterReason?: string | undefined;
  readonly workerId: string;
  readonly durationMs: number;
  readonly progress?: number | undefined;
  readonly progressMessage?: string | undefined;
  /** A checkpoint and steps that no `touch` has written. */
  readonly saved?: { readonly value: Json } | undefined;
  readonly steps?: Readonly<Record<string, Json>> | undefined;
  readonly logs?: readonly JobLogLine[] | undefined;
  /**
   * The job's facts, with its stamp. Needed if no claim of this token is known, as the row may not exist, or may be that of
   * another message with the same id: without them, such an end changes nothing.
   */
  readonly seed?: (() => NewStoredJob) | undefined;
}

/** Records that the dead letter of a failed job is in the dead-letter queue. */
export interface BuriedChange extends ChangeOf<"buried"> {
  readonly generation: number;
}

/** Records that the message of a store-born job was sent. */
export interface DispatchedChange extends ChangeOf<"dispatched"> {
  /** `dispatches` of the row that was taken. */
  readonly dispatch: number;
}

/** Gives a dispatch back that failed: to be tried again, or for good. */
export interface UndispatchedChange extends ChangeOf<"undispatched"> {
  readonly dispatch: number;
  /** `dispatch.failures` of the row that was taken, so that a repeated change counts one failure. */
  readonly failures: number;
  /** Milliseconds until the next try; undefined if no try would help. */
  readonly inMs?: number | undefined;
  readonly error: JobError;
}

/** Cancels a job, or asks its run to end. An unknown job is cancelled in advance. */
export interface CancelChange extends ChangeOf<"cancel"> {
  readonly reason?: string | undefined;
  /** Whether an unknown id is refused, and not cancelled in advance. */
  readonly onlyKnown?: boolean | undefined;
}

/** Runs a job again from its record. */
export interface ReopenChange extends ChangeOf<"reopen"> {
  /** Names this retry, so that it can be repeated. */
  readonly token: string;
  /** Whether a completed or lost job may run again. */
  readonly force: boolean;
  readonly takenMs: number;
}

/** Makes a scheduled job due now. */
export interface PromoteChange extends ChangeOf<"promote"> {
  readonly takenMs: number;
}

/** Closes a job whose message is gone. */
export interface AssumeChange extends ChangeOf<"assume"> {
  readonly outcome: "completed" | "failed" | "lost";
  readonly reason: string;
  /** The version of the row that was looked at. If the row has changed since, nothing happens. */
  readonly version: number;
  /** Whether the dead letter of a `failed` job was seen. If not, its message becomes one when it is received. */
  readonly isBuried?: boolean | undefined;
}

/** One change of one job. Each can be repeated without another effect. */
export type JobChange =
  | InsertChange
  | BirthChange
  | ClaimChange
  | TouchChange
  | EndChange
  | BuriedChange
  | DispatchedChange
  | UndispatchedChange
  | CancelChange
  | ReopenChange
  | PromoteChange
  | AssumeChange;

/** The answer to a claim. */
export type ClaimAnswer =
  /** The run may begin. */
  | {
      readonly do: "run";
      readonly fence: number;
      readonly generation: number;
      readonly attempt: number;
      readonly saved?: Json | undefined;
      readonly steps?: Readonly<Record<string, Json>> | undefined;
      readonly progress?: number | undefined;
      readonly tenant?: string | undefined;
      readonly priority: Priority;
    }
  /** The job is completed: the message is acknowledged without a run. */
  | { readonly do: "done"; readonly generation: number }
  /** The job was cancelled: the message is acknowledged without a run. */
  | { readonly do: "cancelled"; readonly generation: number }
  /** The job failed. If its dead letter is not known to be there, the message is dead-lettered again. */
  | {
      readonly do: "failed";
      readonly generation: number;
      readonly isBuried: boolean;
      readonly reason: string;
      readonly error?: JobError | undefined;
    }
  /** The message is to be delivered later: another run holds the job, or its backoff is not over. */
  | { readonly do: "later"; readonly inMs: number; readonly why: "busy" | "backoff" | "scheduled" }
  /** The row is that of another message with the same id. The job runs untracked. */
  | { readonly do: "foreign"; readonly why: "id_conflict" | "id_reused" };

/** The answer to an end. */
export interface EndAnswer {
  readonly do: "ended";
  /**
   * The state that holds now:
   *
   * - `recorded`: The outcome that was asked for is recorded.
   * - `overruled`: The job is `status` all the same, as it was cancelled or is completed.
   * - `fenced`: Another run holds the job, or has ended it. The message must not be settled.
   * - `unknown`: There is no row of this message: none, or that of another message with the same id.
   */
  readonly verdict: "recorded" | "overruled" | "fenced" | "unknown";
  readonly status?: JobStatus | undefined;
}

/** The answer to a birth. */
export interface BirthAnswer {
  readonly do: "born";
  /**
   * `created`: the job is new. `existing`: it was there with the same type, queue and payload. `conflict`: it was there
   * and differs.
   */
  readonly outcome: "created" | "existing" | "conflict";
  readonly row: JobRow;
}

/** The answer to a change that the job itself decides about. */
export interface PlainAnswer {
  readonly do: "noted";
  /** False if the change had no effect: the job is in another state, or is not known. */
  readonly ok: boolean;
  /** Set if a run is asked to end. */
  readonly cancelRequested?: true | undefined;
  /** Set if another run holds the job. */
  readonly isFenced?: true | undefined;
  /** The row after the change; undefined if there is none. */
  readonly row?: JobRow | undefined;
}

/** The answer to a change that could not be tried, since its row is locked. It is to be repeated, alone. */
export interface AgainAnswer {
  readonly do: "again";
}

/** The answer to one change. */
export type JobAnswer = ClaimAnswer | EndAnswer | BirthAnswer | PlainAnswer | AgainAnswer;
