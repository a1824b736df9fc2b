import type { Duration } from "../lib/duration.ts";
import type { NewMessage } from "../message/message.ts";
import type { Delay } from "../message/delay.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueError } from "../errors.ts";
import type { Returning } from "../worker/job.ts";
import type { JobSnapshot } from "./job-snapshot.ts";
import type { JobsWorker, JobsWorkerOptions } from "./jobs-worker.ts";
import type { StatusWord } from "./read/status-words.ts";
import type { Priority } from "./store/job-row.ts";
import type { JobCount, JobStore, MinuteCount, WorkerRow } from "./store/job-store.ts";
import type { JobsEvent } from "./events/jobs-event.ts";

/** The options of {@link Jobs.send}. */
export interface JobSendOptions {
  /** The logical queue name. @default the queue of the job definition, or of `queueOf` of `createJobs` */
  readonly queue?: string | undefined;
  /** When the job is due: a duration or a date. @default at once */
  readonly delay?: Delay | undefined;
  /** Recorded with the job. @default normal */
  readonly priority?: Priority | undefined;
  /** The customer for whom the job runs: 1 to 128 bytes. @default none */
  readonly tenant?: string | undefined;
  /** Labels, to find the job by: at most 20, each of 1 to 64 bytes. @default none */
  readonly tags?: readonly string[] | undefined;
  /**
   * Names the request. A second request with the same key and the same message gets the job of the first.
   * @default none
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * A hash of the whole request that `idempotencyKey` names. A repetition with another hash is refused as `conflict`.
   * @default a hash of the payload
   */
  readonly idempotencyHash?: string | undefined;
  /** Maximum time of the send; a number is in milliseconds. @default the queue's `sendDeadlineMs` */
  readonly deadlineMs?: Duration | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
  /** Cancels the job. See {@link Jobs.cancel}. */
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

/** The outcome of one message of {@link Jobs.sendBatch}. */
export type JobSendOutcome =
  | { readonly ok: true; readonly job: SentJobHandle }
  | { readonly ok: false; readonly id: string | undefined; readonly error: QueueError };

/** A selection of jobs. A job must meet all conditions. A list is met by each of its values. */
export interface JobFilter {
  /** A state, or a list of them. `failed` includes `lost`. */
  readonly status?: StatusWord | readonly StatusWord[] | undefined;
  /** A job type, a definition, or a list of them. */
  readonly type?: TypeFilter | readonly TypeFilter[] | undefined;
  readonly queue?: string | readonly string[] | undefined;
  readonly priority?: Priority | readonly Priority[] | undefined;
  readonly tenant?: string | undefined;
  readonly tag?: string | undefined;
  readonly workerId?: string | undefined;
  /** The code or the fingerprint of the last error. */
  readonly error?: string | undefined;
  readonly createdFrom?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  /** Whether only jobs are meant that are `processing`, and of which no run is known to go on. */
  readonly stalled?: true | undefined;
  /** A text that the payload contains, as JSON. */
  readonly search?: string | undefined;
}

type TypeFilter = string | { readonly type: string };

/** The options of {@link Jobs.list}. */
export interface ListJobsOptions extends JobFilter {
  /** From 1 to 200. @default 50 */
  readonly limit?: number | undefined;
  /** Jobs to skip, at most 10000. Not together with `cursor`. @default 0 */
  readonly offset?: number | undefined;
  /** `nextCursor` of the page before, of the same query. */
  readonly cursor?: string | undefined;
  /** @default newest */
  readonly order?: "newest" | "oldest" | undefined;
}

/** One page of jobs. */
export interface JobPage {
  readonly jobs: readonly JobSnapshot[];
  /** Jobs that match. At most 10,000 are counted. */
  readonly total: number;
  readonly isTotalCapped: boolean;
  /** The cursor of the next page; undefined if this is the last. */
  readonly nextCursor: string | undefined;
}

/** The parts of a job that are read on request, since they may be large. */
export type JobInclude = "payload" | "result" | "logs";

/** The health of the job system, from the store. */
export interface JobsHealth {
  readonly status: "ok" | "degraded" | "failing";
  /** Sentences that say what is wrong; empty if nothing is. */
  readonly problems: readonly string[];
  readonly store: {
    readonly name: string;
    readonly reachable: boolean;
    /** Milliseconds of one request. */
    readonly latencyMs: number | undefined;
    /** Ends that wait for the store to be back. */
    readonly journaled: number;
    /** Changes that were dropped since the journal was full. */
    readonly dropped: number;
  };
  /** Milliseconds for which the job that is most overdue should have been sent to its queue; 0 if none is. */
  readonly dispatchLagMs: number;
  /** Milliseconds since the oldest job that waits for a worker was created; undefined if none waits. */
  readonly oldestQueuedMs: number | undefined;
  /** Jobs that are `processing`, and of which no run is known to go on. */
  readonly stalled: number;
  /** Workers that were seen within the last minute. */
  readonly workers: number;
  readonly unfinished: readonly JobCount[];
}

/** How long records are kept. A duration as a number is in milliseconds. */
export interface Retention {
  /** @default 7 days */
  readonly completed?: Duration | undefined;
  /** @default 30 days */
  readonly failed?: Duration | undefined;
  /** @default 7 days */
  readonly cancelled?: Duration | undefined;
  /**
   * Payloads, results and logs of completed jobs. An archive gets a record without them if it is shorter than `completed`.
   * @default 24 hours; with an archive, that of `completed`
   */
  readonly data?: Duration | undefined;
  /** Finished jobs that are kept at most. @default 1000000 */
  readonly maxJobs?: number | undefined;
  /** Time between two prunings by a worker. @default 1 minute */
  readonly every?: Duration | undefined;
}

/** Takes finished jobs before they are deleted. They are deleted once the promise has resolved. */
export type Archive = (jobs: readonly JobSnapshot[]) => Promise<void>;

/** The options of `createJobs`. */
export interface JobsOptions {
  /**
   * The store that remembers the jobs: `memoryJobStore()`, or one of an adapter. It holds payloads as the codec of the queue
   * encodes them, and results, checkpoints, errors and log lines as they are.
   */
  readonly store: JobStore;
  /** The job definitions that senders and the REST API know. @default none */
  readonly definitions?: readonly { readonly type: string }[] | undefined;
  /** The queue of a message whose type names none. @default none: such a message needs `queue` */
  readonly queueOf?: ((message: NewMessage) => string | undefined) | undefined;
  /** Attempts of a job whose message and definition do not set them. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Separates deployments that share a store. @default the provider and the place of its queues */
  readonly namespace?: string | undefined;
  /**
   * Whether jobs `run` untracked while the store cannot be reached, or `wait` for it. Each job definition may say otherwise.
   * @default run
   */
  readonly whenStoreIsDown?: "run" | "wait" | undefined;
  /** Whether jobs are tracked whose type says nothing. @default full */
  readonly track?: "full" | "off" | undefined;
  /** Unfinished jobs that a queue may have, by its name. A send beyond it is refused as `queue_full`. @default no limit */
  readonly maxJobs?: Readonly<Record<string, number>> | undefined;
  readonly retention?: Retention | undefined;
  /** Takes finished jobs before they are deleted. @default none */
  readonly archive?: Archive | undefined;
  /** Whether the schema of the store is created or brought up to date. @default false */
  readonly migrate?: boolean | undefined;
  /** Called with conditions that an operator has to know about. @default a warning of the process */
  readonly onWarning?: ((code: string, message: string) => void) | undefined;
}

/** The options of {@link Jobs.events}. */
export interface EventOptions extends JobFilter {
  /** The only job whose events are meant. @default all jobs that match */
  readonly id?: string | undefined;
  /** `cursor` of the last event that was seen. @default from now on */
  readonly cursor?: string | undefined;
  /** Ends the events. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link Jobs.cancel}. */
export interface CancelOptions {
  readonly reason?: string | undefined;
  /** Whether an unknown job is refused as `not_found`, and not cancelled in advance. @default false */
  readonly onlyKnown?: boolean | undefined;
}

/** The options of {@link Jobs.prune}. */
export interface PruneOptions {
  /** Whether to delete nothing, and only to count. @default false */
  readonly dryRun?: boolean | undefined;
  /** Ends the operation after the current batch. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link Jobs.reconcile}. */
export interface ReconcileOptions {
  /** The outcome of jobs of which no run is known to go on, and whose message is not found. @default they stay as they are */
  readonly assume?: "completed" | "failed" | "lost" | undefined;
  /** Whether to change nothing, and only to return the jobs that would be closed. @default false */
  readonly dryRun?: boolean | undefined;
  /** Ends the operation after the current queue. @default none */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Jobs over a queue and a store: sent by the queue, remembered by the store. Methods reject with a `QueueError`. In addition
 * to the codes that a method lists, the error may have one of these codes:
 *
 * - `invalid_options` when an argument is wrong
 * - `store_unavailable` when the store cannot be reached, or does not answer in time
 * - `closed` when the jobs were closed
 *
 * @example
 * const jobs: Jobs = await createJobs(queue, { store: memoryJobStore(), definitions: [resize] });
 * const job = await jobs.send(resize.message({ url, width: 400 }), { queue: "images" });
 * console.log(await job.result({ timeoutMs: "30s" }));
 */
export interface Jobs extends AsyncDisposable {
  readonly queue: Queue;
  readonly store: JobStore;
  /** Separates the jobs of this deployment from others in the same store. */
  readonly namespace: string;
  /** The job types that are known here. */
  readonly types: readonly string[];
  /** The job definitions that `createJobs` was given. The REST API checks payloads by their schemas. */
  readonly definitions: readonly { readonly type: string }[];
  /**
   * Sends one job. A job without an id, an idempotency key and a delay goes to its queue first, and is then recorded. If the
   * store does not confirm the record within a second, the job is sent all the same, `tracked` is false, and the record
   * follows.
   *
   * A job with an id, an idempotency key or a delay is recorded first, and sent from its record. A second job with the same
   * id or key, type, queue and payload is the first one: `created` is then false.
   *
   * @throws QueueError with the codes of `Queue.send`
   * @throws QueueError `conflict` when another job has the id or the idempotency key
   * @throws QueueError `not_supported` when a message with an id, a key or a delay has an ordering key or a dedup id
   * @throws QueueError `queue_full` when the queue has its fill of unfinished jobs, as `maxJobs` of `createJobs` says
   *
   * @example
   * const job = await jobs.send(
   *   { type: "send_invoice", payload: { order: 7 }, id: "invoice-7" },
   *   { queue: "invoices", delay: "1h", tags: ["july"] },
   * );
   */
  send<Result = unknown>(
    message: NewMessage & Returning<Result>,
    options?: JobSendOptions,
  ): Promise<SentJobHandle<Result>>;
  /**
   * Sends several jobs, each as {@link send} does. Resolves with one outcome per message, in the order of the messages.
   *
   * @example
   * const outcomes = await jobs.sendBatch(users.map((user) => welcome.message({ userId: user.id })), { queue: "emails" });
   * const failed = outcomes.filter(({ ok }) => !ok);
   */
  sendBatch(messages: readonly NewMessage[], options?: JobSendOptions): Promise<JobSendOutcome[]>;
  /**
   * Returns a handle of a job by its id, whether or not the job exists. Makes no request.
   *
   * @example
   * const report = await jobs.job<Report>(id).result({ timeoutMs: "5s" });
   */
  job<Result = unknown>(id: string): JobHandle<Result>;
  /**
   * Reads the record of a job; undefined if there is none. `include` adds parts that may be large.
   *
   * @example
   * const job = await jobs.get(id, ["payload", "result"]);
   * console.log(job?.status, job?.progress);
   */
  get(id: string, include?: readonly JobInclude[]): Promise<JobSnapshot | undefined>;
  /**
   * Reads one page of jobs, the newest first.
   *
   * @throws QueueError `invalid_options` when a condition is unknown or no job can meet it, and when the cursor belongs to
   * another query
   * @throws QueueError `not_supported` when the store cannot search in payloads
   *
   * @example
   * const { jobs: failed, total, nextCursor } = await jobs.list({ status: "failed", type: resize, limit: 20 });
   */
  list(options?: ListJobsOptions): Promise<JobPage>;
  /**
   * Cancels a job. A job that does not run is `cancelled` at once: its message is acknowledged without a run. The handler of
   * one that runs, in any process, has its signal aborted: the answer is `requested`. If the handler returns all the same,
   * the job is completed; if it throws, the job is cancelled. A job that is not known is cancelled in advance.
   *
   * @throws QueueError `not_found` when the job is not known, and `onlyKnown` is set
   *
   * @example
   * const outcome = await jobs.cancel(id, { reason: "the user left" });
   */
  cancel(id: string, options?: CancelOptions): Promise<CancelOutcome>;
  /**
   * Cancels the unfinished jobs that match, in batches, up to those that were created before the call. Resolves with their
   * number.
   *
   * @example
   * const count = await jobs.cancelAll({ tag: "july" }, { dryRun: true });
   */
  cancelAll(
    filter: JobFilter,
    options?: { readonly reason?: string | undefined; readonly dryRun?: boolean | undefined },
  ): Promise<number>;
  /**
   * Runs a failed or cancelled job once more from its record. Its attempts start again at 1. `force` does so for a completed
   * or lost job, too. The dead letter of a failed job stays in the dead-letter queue, and has no effect if it is redriven.
   *
   * @throws QueueError `not_found` when there is no record; `conflict` when the job is not over, when it needs `force`, and
   * when its message is no longer kept
   *
   * @example
   * await jobs.retry(id);
   */
  retry(id: string, options?: { readonly force?: boolean | undefined }): Promise<JobSnapshot>;
  /**
   * Retries the failed jobs that match, in batches. Resolves with their number.
   *
   * @example
   * const count = await jobs.retryAll({ type: "send_invoice", error: fingerprint });
   */
  retryAll(filter: JobFilter, options?: { readonly dryRun?: boolean | undefined }): Promise<number>;
  /**
   * Makes a scheduled job due now.
   *
   * @throws QueueError `not_found` when there is no record; `conflict` when the job is not scheduled
   *
   * @example
   * await jobs.promote(id);
   */
  promote(id: string): Promise<JobSnapshot>;
  /**
   * Events of the jobs of all processes, from now on, or after `cursor`. None is missed; after a resumption, some may be seen
   * twice. The events of one job come in their order, and quick changes may be folded into one. The cursor of a store in
   * memory ends with its process. An outage of the store delays events.
   *
   * @throws QueueError `invalid_options` when a condition is wrong, or the cursor belongs to other jobs; synchronously
   *
   * @example
   * for await (const { event, job } of jobs.events({ type: "resize", signal: shutdown.signal }))
   *   console.log(event, job.id, job.progress);
   */
  events(options?: EventOptions): AsyncIterable<JobsEvent>;
  /**
   * Creates a worker whose runs are recorded. Beside its handlers, it sends jobs that are due, deletes what the retention
   * does not keep, and closes the records of jobs whose message is gone. It is stopped by {@link close}.
   *
   * @example
   * const worker = jobs.worker({ concurrency: 20 });
   * worker.register(resize, async ({ payload }, { progress, signal }) => shrink(payload, { progress, signal }));
   * await worker.start("images");
   */
  worker(options?: JobsWorkerOptions): JobsWorker;
  /**
   * The workers that were seen within the last minute, of all processes.
   *
   * @example
   * for (const { id, running } of await jobs.workers()) console.log(id, running);
   */
  workers(): Promise<WorkerRow[]>;
  /**
   * The number of unfinished jobs, by queue, type and status.
   *
   * @example
   * const waiting = (await jobs.counts()).filter(({ status }) => status === "queued");
   */
  counts(): Promise<JobCount[]>;
  /**
   * The number of runs that ended since a time, at most a day ago, by minute, queue, type and status.
   *
   * @example
   * const hour = await jobs.minutes(new Date(Date.now() - 3_600_000));
   */
  minutes(since: Date): Promise<MinuteCount[]>;
  /**
   * The health of the store and of the jobs in it. Resolves also if the store cannot be reached: as `failing`. Not for
   * liveness probes: jobs run without the store.
   *
   * @example
   * const { status, problems } = await jobs.health();
   */
  health(): Promise<JobsHealth>;
  /**
   * Deletes what the retention does not keep, after the archive has it. Resolves with the number of deleted jobs; in a dry
   * run, of those that would be, up to 10,000.
   *
   * @throws QueueError `provider` when the archive fails; the jobs that it was given stay
   *
   * @example
   * const count = await jobs.prune({ dryRun: true });
   */
  prune(options?: PruneOptions): Promise<number>;
  /**
   * Closes the records of jobs whose message is gone, and of which nothing was heard for five minutes. A job whose message is
   * in the dead-letter queue is then `failed`. It is `lost` if the provider has removed its message by now, or if the queue
   * is known to be empty. Resolves with these jobs.
   *
   * @example
   * const lost = await jobs.reconcile({ assume: "completed", dryRun: true });
   */
  reconcile(options?: ReconcileOptions): Promise<readonly JobSnapshot[]>;
  /**
   * Why a job has not started, or does not go on, in sentences.
   *
   * @example
   * for (const reason of await jobs.explain(id)) console.log(reason);
   */
  explain(id: string): Promise<readonly string[]>;
  /**
   * Sends the jobs that are due, until `signal` aborts. Every worker of {@link worker} does so as well; so this is only
   * needed while no such worker runs. Several processes can do so at once.
   *
   * @example
   * await jobs.dispatch({ signal: shutdown.signal });
   */
  dispatch(options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Stops the workers, and waits for the sends and the changes that have begun. Idempotent. The queue and the store stay open:
   * close them after the jobs.
   *
   * @example
   * await jobs.close();
   * await queue.close();
   * await store.close();
   */
  close(): Promise<void>;
}
