import { QueueError } from "../../errors.ts";
import type { Timer } from "../../lib/clock.ts";
import { show } from "../../lib/text.ts";
import { PauseController } from "../../lib/pause.ts";
import { VERSION } from "../../lib/version.ts";
import { within } from "../../lib/wait.ts";
import { defaults } from "../../defaults.ts";
import type { Queue } from "../../queue/queue.ts";
import type { JobDefinition, RegisterOptions } from "../../worker/job.ts";
import type { Middleware, WorkerEvents, WorkerHealth } from "../../worker/types.ts";
import { Worker } from "../../worker/worker.ts";
import type { JobsWorker, JobsWorkerOptions, TrackedHandler } from "../jobs-worker.ts";
import type { JobStore } from "../store/job-store.ts";
import type { JobWriter } from "../writes/job-writer.ts";
import type { EndedJobs } from "./ended-jobs.ts";
import { LARGEST_RESULT_BYTES, MAX_RESULT_BYTES } from "./result.ts";
import { JobTracker } from "./tracker.ts";
import { type TypePolicy, TypePolicies } from "./types.ts";
import { newWorkerId, workerRowOf } from "./worker-row.ts";
import { type HandlerHost, wrapHandler } from "./wrap-handler.ts";

/** Time for the last changes to be written when a worker ends. */
const CLOSE_MS = 3_000;
/** Milliseconds between two writes of a worker's row. */
const BEAT_MS = 10_000;

/** The parts of a `Jobs` that its workers use. */
export interface JobsWorkerParts extends TypePolicy {
  readonly queue: Queue;
  readonly store: JobStore;
  readonly namespace: string;
  readonly writer: JobWriter;
  /** Definitions that say how their types are tracked, also if a handler is registered by the name of its type. */
  readonly definitions: readonly { readonly type: string }[];
  /** The jobs that ended in this process, shared by its workers. */
  readonly ended: EndedJobs;
  /** The queues in which workers have run jobs that were retried or redriven. */
  readonly retriedIn: Set<string>;
  readonly onWarning: (code: string, message: string) => void;
  /** Work that goes on for as long as the worker runs, such as the dispatcher. It ends when its signal aborts. */
  readonly alongside: readonly ((signal: AbortSignal) => Promise<void>)[];
}

/**
 * Creates a worker whose runs are claimed and recorded. It does nothing before `run` or `start`.
 *
 * @throws QueueError `invalid_options` when an option is wrong
 */
export function createJobsWorker(parts: JobsWorkerParts, options: JobsWorkerOptions = {}): JobsWorker {
  return new TrackedWorker(parts, options);
}

class TrackedWorker implements JobsWorker {
  readonly id: string = newWorkerId();
  readonly #parts: JobsWorkerParts;
  readonly #policies: TypePolicies;
  readonly #tracker: JobTracker;
  readonly #host: HandlerHost;
  readonly #worker: Worker;
  readonly #concurrency: number;
  /** Closed while the store is down, if all jobs of the worker wait for it. */
  readonly #outagePause = new PauseController();
  #unwatch: (() => void) | undefined;
  #alongside: Promise<unknown> = Promise.resolve();
  #stop: AbortController | undefined;
  #startedAt = 0;
  #beat: Timer | undefined;
  #ended: Promise<void> | undefined;

  constructor(parts: JobsWorkerParts, { maxResultBytes = MAX_RESULT_BYTES, ...options }: JobsWorkerOptions) {
    if (!(maxResultBytes >= 0 && maxResultBytes <= LARGEST_RESULT_BYTES)) {
      throw new QueueError(
        "invalid_options",
        `worker: maxResultBytes must be from 0 to ${LARGEST_RESULT_BYTES}; got ${show(maxResultBytes)}. Keep larger results elsewhere, and return their place.`,
      );
    }
    this.#parts = parts;
    const { queue, store, namespace, writer, ended, retriedIn, onWarning, track, whenStoreIsDown } = parts;
    const { clock } = queue;
    this.#policies = new TypePolicies(track, whenStoreIsDown);
    const policies = this.#policies;
    for (const definition of parts.definitions) policies.add(definition);
    const tracker = new JobTracker({
      clock,
      store,
      namespace,
      writer,
      workerId: this.id,
      policies,
      ended,
      retriedIn,
      onWarning,
    });
    this.#tracker = tracker;
    this.#host = { tracker, maxResultBytes, onWarning };
    this.#concurrency = options.concurrency ?? defaults.concurrency;
    this.#worker = new Worker(queue, options, {
      pause: this.#outagePause,
      claim: (run) => tracker.claim(run),
      concluding: (run, disposition) => tracker.concluding(run, disposition),
      buried: (run) => tracker.buried(run),
      extended: (run) => tracker.extended(run),
      leaseLost: (run) => tracker.leaseLost(run),
      late: (run, disposition) => tracker.late(run, disposition),
      began: () => this.#began(),
      draining: () => this.#draining(),
      ended: () => {
        this.#ended = this.#close();
      },
    });
  }

  get queue(): Queue {
    return this.#worker.queue;
  }

  get registered(): Worker["registered"] {
    return this.#worker.registered;
  }

  register(
    job: string | JobDefinition<any, any, any>,
    handler: TrackedHandler<any, any>,
    options?: RegisterOptions,
  ): this {
    const { type, result } = typeof job === "object" && job !== null ? job : { type: job, result: undefined };
    const wrapped = typeof handler === "function" ? wrapHandler(type, result, handler, this.#host) : handler;
    this.#worker.register(job as string, wrapped, options);
    this.#policies.add(job);
    if (this.#unwatch !== undefined) this.#followStore();
    return this;
  }

  use(middleware: Middleware): this {
    this.#worker.use(middleware);
    return this;
  }

  on<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this {
    this.#worker.on(event, listener);
    return this;
  }

  off<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this {
    this.#worker.off(event, listener);
    return this;
  }

  once<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this {
    this.#worker.once(event, listener);
    return this;
  }

  async run(
    queues: string | readonly string[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    try {
      await this.#worker.run(queues, options);
    } finally {
      await this.#ended;
    }
  }

  start(
    queues: string | readonly string[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    return this.#worker.start(queues, options);
  }

  async stop(): Promise<void> {
    try {
      await this.#worker.stop();
    } finally {
      await this.#ended;
    }
  }

  pause(): void {
    this.#worker.pause();
  }

  resume(): void {
    this.#worker.resume();
  }

  health(): WorkerHealth {
    return this.#worker.health();
  }

  async nextDueAt(queues: readonly string[]): Promise<number | undefined> {
    const { store, namespace } = this.#parts;
    return store.nextDueAt(namespace, queues);
  }

  #began(): void {
    const { queue, alongside, onWarning, writer } = this.#parts;
    this.#unwatch ??= writer.watch(() => this.#followStore());
    this.#followStore();
    const stop = new AbortController();
    this.#stop = stop;
    this.#ended = undefined;
    this.#startedAt = queue.clock.now();
    this.#tracker.begin();
    const works = alongside.map(async (work) => {
      try {
        await work(stop.signal);
      } catch (error) {
        onWarning("alongside", `Work beside the worker ${this.id} has failed: ${String(error)}.`);
      }
    });
    this.#alongside = Promise.all(works);
    this.#beatNow();
  }

  /**
   * Receives nothing while the store is down, if no message could be handled: each would be received and put back, over and
   * over. The writer finds out when the store is back.
   */
  #followStore(): void {
    const { writer } = this.#parts;
    const waits = !writer.isUp && this.registered.every(({ type }) => this.#policies.waits(type));
    if (waits) this.#outagePause.pause();
    else if (this.#outagePause.paused) this.#outagePause.resume();
  }

  #draining(): void {
    this.#tracker.drain();
    this.#stop?.abort();
  }

  async #close(): Promise<void> {
    const { store, namespace, writer, queue, onWarning } = this.#parts;
    this.#stop?.abort();
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#beat?.cancel();
    this.#beat = undefined;
    this.#tracker.touches.stop();
    const leaving = writer.isUp ? store.leave(namespace, this.id).catch(() => undefined) : undefined;
    const ending = Promise.all([this.#alongside, writer.flush(), leaving]);
    // Bounded, since the process may be killed soon: a store that hangs holds up its end no longer.
    await within<unknown>(queue.clock, CLOSE_MS, ending, () => undefined);
    const { journaled } = writer.stats;
    if (journaled === 0) return;
    onWarning(
      "journal_waits",
      `The worker ${this.id} has ended, and ${journaled} change(s) of jobs wait for the job store "${store.name}". They are lost if this process ends before the store is back.`,
    );
  }

  #beatNow(): void {
    const { store, namespace, writer, queue } = this.#parts;
    this.#beat = queue.clock.timer(BEAT_MS, () => this.#beatNow());
    if (!writer.isUp) return;
    const health = this.#worker.health();
    const row = workerRowOf(this.id, health, this.#tracker.touches.ids(), {
      types: this.registered.map(({ type }) => type),
      slots: this.#concurrency * health.queues.length,
      startedAt: this.#startedAt,
      version: VERSION,
    });
    // A worker that is not seen for a minute counts as gone. One beat that fails does not matter.
    store.beat(namespace, row).catch(() => undefined);
  }
}
