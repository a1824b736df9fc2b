import { checkKeys, QueueError } from "../errors.ts";
import { newId } from "../lib/ids.ts";
import { show } from "../lib/text.ts";
import type { NewMessage } from "../message/message.ts";
import type { Queue } from "../queue/queue.ts";
import type { JobsContext } from "./context.ts";
import { Dispatcher } from "./dispatch/dispatcher.ts";
import { ChangeReader } from "./events/change-reader.ts";
import { EventCursors } from "./events/event-cursor.ts";
import { type EventOptions, eventStream } from "./events/event-stream.ts";
import type { JobsEvent } from "./events/jobs-event.ts";
import {
  type CancelOutcome,
  CoreJobHandle,
  CoreSentJobHandle,
  type JobCalls,
  type JobHandle,
  type JobSendOutcome,
  type SentJobHandle,
} from "./job-handle.ts";
import { resultOf } from "./job-result.ts";
import type { JobSnapshot } from "./job-snapshot.ts";
import type { JobsWorker, JobsWorkerOptions } from "./jobs-worker.ts";
import type { Jobs } from "./jobs.ts";
import { type Keeping, keepPruning, prune, type PruneOptions } from "./keep/prune.ts";
import { keepReconciling, reconcile, type ReconcileOptions } from "./keep/reconcile.ts";
import { explain } from "./observe/explain.ts";
import { healthOf, type JobsHealth } from "./observe/health.ts";
import { PendingWork } from "./pending-work.ts";
import type { JobFilter } from "./read/filter.ts";
import { getJob, type JobInclude } from "./read/get.ts";
import { JobWatch } from "./read/job-watch.ts";
import { type JobPage, listJobs, type ListJobsOptions } from "./read/list.ts";
import { JobSender, NO_OPTIONS } from "./send/job-sender.ts";
import type { QueueLimits } from "./send/queue-limits.ts";
import { checkId, type JobSendOptions } from "./send/send-options.ts";
import { sendEach } from "./send/send-each.ts";
import { cancelAll, retryAll } from "./steer/bulk.ts";
import { cancelJob, type CancelOptions, promoteJob, retryJob } from "./steer/steering.ts";
import type { JobCount, JobStore, MinuteCount, WorkerRow } from "./store/job-store.ts";
import { createJobsWorker } from "./track/create-jobs-worker.ts";
import { EndedJobs } from "./track/ended-jobs.ts";
import type { TypePolicy } from "./track/types.ts";

const NONE = Object.freeze({});
/** Milliseconds after the first send within which a process has started its workers. */
const ALONE_MS = 10_000;

/** The parts of a {@link CoreJobs} that `createJobs` has made of its options. */
export interface CoreJobsParts {
  readonly context: JobsContext;
  readonly limits: QueueLimits;
  readonly keeping: Keeping;
  /** How jobs are tracked whose definition says nothing. */
  readonly policy: TypePolicy;
  readonly definitions: readonly { readonly type: string }[];
}

/** Implements the jobs. Each method calls the part that does the work. */
export class CoreJobs implements Jobs {
  readonly queue: Queue;
  readonly store: JobStore;
  readonly namespace: string;
  readonly types: readonly string[];
  readonly definitions: readonly { readonly type: string }[];
  readonly #context: JobsContext;
  readonly #keeping: Keeping;
  readonly #policy: TypePolicy;
  readonly #workers = new Set<JobsWorker>();
  readonly #ended = new EndedJobs();
  readonly #retriedIn = new Set<string>();
  readonly #dispatcher: Dispatcher;
  readonly #sender: JobSender<SentJobHandle>;
  readonly #watch: JobWatch;
  readonly #changes: ChangeReader;
  readonly #cursors: EventCursors;
  readonly #calls: JobCalls;
  readonly #work = new PendingWork();
  #closed: Promise<void> | undefined;
  #hasLookedAround = false;

  constructor({ context, limits, keeping, policy, definitions }: CoreJobsParts) {
    const { queue, records, types, namespace, clock } = context;
    this.queue = queue;
    this.store = records.store;
    this.namespace = namespace;
    this.types = types.names;
    this.definitions = definitions;
    this.#context = context;
    this.#keeping = keeping;
    this.#policy = policy;
    this.#dispatcher = new Dispatcher(context);
    this.#sender = new JobSender(context, limits, this.#dispatcher, {
      sent: (job) => {
        this.#work.end();
        return new CoreSentJobHandle(job, this.#calls);
      },
      failed: (error) => {
        this.#work.end();
        throw error;
      },
    });
    this.#watch = new JobWatch(records);
    this.#changes = new ChangeReader(records);
    this.#cursors = new EventCursors(records.store, namespace, newId(clock.now()));
    this.#calls = {
      get: (id) => this.get(id),
      cancel: (id, options) => this.cancel(id, options),
      result: (id, options) => resultOf(this.#watch, clock, id, options),
    };
  }

  send<Result = unknown>(
    message: NewMessage,
    options: JobSendOptions = NO_OPTIONS,
  ): Promise<SentJobHandle<Result>> {
    const { refusal } = this.#work;
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#warnIfAlone();
    // Not `async`: the message is read before the call returns.
    this.#work.begin();
    return this.#sender.send(message, options) as Promise<SentJobHandle<Result>>;
  }

  async sendBatch(
    messages: readonly NewMessage[],
    options: JobSendOptions = NO_OPTIONS,
  ): Promise<JobSendOutcome[]> {
    this.#work.assertOpen();
    return sendEach(messages, options, (message) => this.send(message, options));
  }

  job<Result = unknown>(id: string): JobHandle<Result> {
    checkId("job", id);
    return new CoreJobHandle<Result>(id, this.#calls);
  }

  async get(id: string, include: readonly JobInclude[] = []): Promise<JobSnapshot | undefined> {
    return getJob(this.#context, id, include);
  }

  async list(options: ListJobsOptions = NONE): Promise<JobPage> {
    return listJobs(this.#context.records, options);
  }

  async cancel(id: string, options?: CancelOptions): Promise<CancelOutcome> {
    return cancelJob(this.#context, id, options);
  }

  async cancelAll(
    filter: JobFilter,
    options?: { readonly reason?: string | undefined; readonly dryRun?: boolean | undefined },
  ): Promise<number> {
    return this.#work.track(cancelAll(this.#context, filter, options));
  }

  async retry(id: string, options?: { readonly force?: boolean | undefined }): Promise<JobSnapshot> {
    this.#work.assertOpen();
    return this.#work.track(retryJob(this.#context, this.#dispatcher, id, options));
  }

  async retryAll(filter: JobFilter, options?: { readonly dryRun?: boolean | undefined }): Promise<number> {
    this.#work.assertOpen();
    return this.#work.track(retryAll(this.#context, this.#dispatcher, filter, options));
  }

  async promote(id: string): Promise<JobSnapshot> {
    this.#work.assertOpen();
    return this.#work.track(promoteJob(this.#context, this.#dispatcher, id));
  }

  events(options: EventOptions = NONE): AsyncIterable<JobsEvent> {
    const { warn } = this.#context;
    const closing = this.#work.closed;
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
    return eventStream({ reader: this.#changes, cursors: this.#cursors, warn }, { ...options, signal });
  }

  worker(options?: JobsWorkerOptions): JobsWorker {
    this.#assertNotClosing();
    const context = this.#context;
    const { queue, namespace, records, warn } = context;
    const worker = createJobsWorker(
      {
        ...this.#policy,
        queue,
        store: records.store,
        namespace,
        writer: records.writer,
        definitions: this.definitions,
        ended: this.#ended,
        retriedIn: this.#retriedIn,
        onWarning: warn,
        alongside: [
          (signal) => this.#dispatcher.run(signal),
          (signal) => keepPruning(context, this.#keeping, signal),
          (signal) => keepReconciling(context, this.#retriedIn, signal),
        ],
      },
      options,
    );
    this.#workers.add(worker);
    return worker;
  }

  workers(): Promise<WorkerRow[]> {
    return this.#context.records.read((store, namespace) => store.workers(namespace));
  }

  counts(): Promise<JobCount[]> {
    return this.#context.records.read((store, namespace) => store.counts(namespace));
  }

  async minutes(since: Date): Promise<MinuteCount[]> {
    const from = since instanceof Date ? since.getTime() : Number.NaN;
    if (Number.isNaN(from))
      throw new QueueError("invalid_options", `minutes takes a valid Date; got ${show(since)}.`);
    return this.#context.records.read((store, namespace) => store.minutes(namespace, from));
  }

  health(): Promise<JobsHealth> {
    return healthOf(this.#context);
  }

  async prune(options?: PruneOptions): Promise<number> {
    return this.#work.track(prune(this.#context, this.#keeping, options));
  }

  async reconcile(options?: ReconcileOptions): Promise<readonly JobSnapshot[]> {
    return this.#work.track(reconcile(this.#context, options));
  }

  async explain(id: string): Promise<readonly string[]> {
    return explain(this.#context, id);
  }

  async dispatch(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#assertNotClosing();
    checkKeys("dispatch", options, { signal: true });
    const signal = AbortSignal.any([options.signal, this.#work.closed]);
    await this.#work.track(this.#dispatcher.run(signal));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The queue and the store are the caller's, and stay open. */
  async #close(): Promise<void> {
    // Handlers can send jobs until they have ended.
    await Promise.allSettled([...this.#workers].map((worker) => worker.stop()));
    await this.#work.close();
    this.#sender.close();
    await this.#dispatcher.drain();
    await this.#context.records.writer.close();
  }

  /** A store in memory is of no use to a worker in another process, which would never see its jobs. */
  #warnIfAlone(): void {
    if (this.#hasLookedAround || this.store.capabilities.shared) return;
    this.#hasLookedAround = true;
    const { clock, warn } = this.#context;
    clock.timer(ALONE_MS, () => {
      if (this.#workers.size > 0 || this.#work.closed.aborted) return;
      warn(
        "memory_store",
        `The job store (${this.store.name}) is known to this process only, and it has no worker of jobs.worker(): workers of other processes record their jobs elsewhere. Use a store that processes share, such as sqliteJobStore of queueport/sqlite.`,
      );
    });
  }

  #assertNotClosing(): void {
    if (this.#closed !== undefined)
      throw new QueueError(
        "closed",
        "These jobs are closing, and start no work. Create others with createJobs.",
      );
  }
}
