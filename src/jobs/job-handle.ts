import type { QueueError } from "../errors.ts";
import type { Duration } from "../lib/duration.ts";
import type { JobSnapshot } from "./job-snapshot.ts";
import type { SentJob } from "./send/sent-job.ts";

/** The options of {@link JobHandle.result}. */
export interface ResultOptions {
  /** Maximum time to wait; a number is in milliseconds. @default no limit */
  readonly timeoutMs?: Duration | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The answer to a cancellation. `requested`: the job runs, and its handler's signal is aborted. */
export type CancelOutcome = "cancelled" | "requested" | "finished";

/** One job, whether or not there is a record of it. */
export interface JobHandle<Result = unknown> {
  readonly id: string;
  /** The record of the job; undefined if there is none. */
  get(): Promise<JobSnapshot | undefined>;
  /**
   * Resolves with the result of the job, when it is completed.
   *
   * @throws QueueError `job_failed` when the job failed, with the recorded error; `cancelled` when it was cancelled;
   * `timeout` when it takes longer than `timeoutMs`; `untracked` when there is no record of it after that time
   */
  result(options?: ResultOptions): Promise<Result>;
  /** Cancels the job. See `Jobs.cancel`. */
  cancel(reason?: string): Promise<CancelOutcome>;
}

/** One job that was sent. */
export interface SentJobHandle<Result = unknown> extends JobHandle<Result> {
  readonly queue: string;
  /** False if a job with this id or idempotency key was there before; it was not sent once more. */
  readonly created: boolean;
  /** False if the job was sent, and is not recorded: its type is not tracked, or the store could not be reached. */
  readonly tracked: boolean;
}

/** The outcome of one message of `Jobs.sendBatch`. */
export type JobSendOutcome =
  | { readonly ok: true; readonly job: SentJobHandle }
  | { readonly ok: false; readonly id: string | undefined; readonly error: QueueError };

/** The calls about one job. */
export interface JobCalls {
  get(id: string): Promise<JobSnapshot | undefined>;
  cancel(id: string, options: { readonly reason?: string | undefined }): Promise<CancelOutcome>;
  result(id: string, options: ResultOptions | undefined): Promise<unknown>;
}

/** A job by its id. */
export class CoreJobHandle<Result> implements JobHandle<Result> {
  readonly id: string;
  readonly #calls: JobCalls;

  constructor(id: string, calls: JobCalls) {
    this.id = id;
    this.#calls = calls;
  }

  get(): Promise<JobSnapshot | undefined> {
    return this.#calls.get(this.id);
  }

  async result(options?: ResultOptions): Promise<Result> {
    return (await this.#calls.result(this.id, options)) as Result;
  }

  cancel(reason?: string): Promise<CancelOutcome> {
    return this.#calls.cancel(this.id, { reason });
  }
}

/** A job that was sent by this process. */
export class CoreSentJobHandle<Result> extends CoreJobHandle<Result> implements SentJobHandle<Result> {
  readonly queue: string;
  readonly created: boolean;
  readonly tracked: boolean;

  constructor({ id, queue, created, tracked }: SentJob, calls: JobCalls) {
    super(id, calls);
    this.queue = queue;
    this.created = created;
    this.tracked = tracked;
  }
}
