import type { NewMessage } from "../message/message.ts";
import type { Queue } from "../queue/queue.ts";
import type { Returning } from "../worker/job.ts";
import type { EventOptions } from "./events/event-stream.ts";
import type { JobsEvent } from "./events/jobs-event.ts";
import type { CancelOutcome, JobHandle, JobSendOutcome, SentJobHandle } from "./job-handle.ts";
import type { JobSnapshot } from "./job-snapshot.ts";
import type { JobsWorker, JobsWorkerOptions } from "./jobs-worker.ts";
import type { PruneOptions } from "./keep/prune.ts";
import type { ReconcileOptions } from "./keep/reconcile.ts";
import type { JobsHealth } from "./observe/health.ts";
import type { JobFilter } from "./read/filter.ts";
import type { JobInclude } from "./read/get.ts";
import type { JobPage, ListJobsOptions } from "./read/list.ts";
import type { JobSendOptions } from "./send/send-options.ts";
import type { CancelOptions } from "./steer/steering.ts";
import type { JobCount, JobStore, MinuteCount, WorkerRow } from "./store/job-store.ts";

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
   * or lost job, too. The dead letter of a failed job has no effect if it is redriven, and {@link reconcile} discards it once the job has run.
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
   * is known to be empty. Resolves with these jobs. Then discards the dead letters of jobs that were retried and have run
   * since, up to 10,000 in each queue.
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
