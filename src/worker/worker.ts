import type { Timer } from "../lib/clock.ts";
import { Deadlines } from "../lib/deadlines.ts";
import { defaults } from "../defaults.ts";
import { channels, type JobEvent } from "../diagnostics.ts";
import { QueueError } from "../errors.ts";
import type { ManagedQueue } from "../queue/managed-receive.ts";
import type { Queue } from "../queue/queue.ts";
import type { Tracker } from "../queue/tracker.ts";
import { PauseController } from "../lib/pause.ts";
import { show } from "../lib/text.ts";
import type { Execution, ExecutionHost } from "./execution.ts";
import { HealthRecord } from "./health.ts";
import type { JobDefinition, RegisterOptions } from "./job.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Executor } from "./executor.ts";
import { readWorkerOptions } from "./options.ts";
import { Registry, type Registration } from "./registry.ts";
import type { JobHandler, Middleware, WorkerEvents, WorkerHealth, WorkerOptions } from "./types.ts";
import { UnknownTypeWarnings } from "./unknown-type.ts";
import { trackerOfTypes, type WorkerTracker } from "./tracker-of-types.ts";
import { WorkerReporter } from "./worker-reporter.ts";

/**
 * Runs the jobs of one or more queues. Each message is passed to the handler of its type, under time limits, with
 * leases that are extended automatically. A job that fails is retried with backoff, and is dead-lettered in the end.
 *
 * @example
 * const worker = new Worker(queue, { concurrency: 20 });
 * worker.register("send_welcome_email", async ({ payload }, { signal }) => mail(payload, signal));
 * await worker.run("emails", { signal: shutdown.signal });
 */
export class Worker {
  /** The queue connection that was passed to the constructor. */
  readonly queue: Queue;
  readonly #managed: ManagedQueue;
  readonly #options: WorkerOptions;
  readonly #tracker: Tracker | undefined;
  readonly #registry = new Registry();
  readonly #middleware: Middleware[] = [];
  readonly #reporter: WorkerReporter;
  readonly #pause = new PauseController();
  readonly #health: HealthRecord;
  readonly #deadlines: Deadlines;
  readonly #executor: Executor;
  readonly #lifecycle: Lifecycle;
  #idleDrain: Timer | undefined;

  /**
   * Creates a worker. It does nothing before {@link run} or {@link start}.
   *
   * @throws QueueError `invalid_options` when `queue` is no queue, or a time limit is wrong
   */
  constructor(queue: Queue, options?: WorkerOptions);
  /** @internal */
  constructor(queue: Queue, options: WorkerOptions, tracker: WorkerTracker);
  constructor(queue: Queue, options: WorkerOptions = {}, tracker?: WorkerTracker) {
    if (typeof (queue as Partial<ManagedQueue> | undefined)?.receiveManaged !== "function") {
      throw new QueueError(
        "invalid_options",
        `A Worker takes a Queue that openQueue or createQueue has returned; got ${show(queue)}.`,
      );
    }
    const { concurrency, limits, unknownTypeMaxAgeMs } = readWorkerOptions(options);
    this.queue = queue;
    this.#managed = queue as ManagedQueue;
    this.#options = options;
    this.#tracker =
      tracker === undefined
        ? undefined
        : trackerOfTypes(tracker, (type) => this.#registry.get(type) !== undefined);
    this.#health = new HealthRecord(queue.clock, concurrency);
    tracker?.pause?.onResume(() => this.#health.resumed());
    this.#deadlines = new Deadlines(queue.clock);
    const reporter = new WorkerReporter(options.logger, queue.clock);
    this.#reporter = reporter;
    const known = (): string[] => this.#registry.all.map(({ type }) => type);
    const unknownTypes = new UnknownTypeWarnings(known, (name, message) =>
      this.#warn(name, "unknown_type", message),
    );
    const host: ExecutionHost = {
      deadlines: this.#deadlines,
      limits,
      logger: reporter.logger,
      progress: (execution, percent, note) =>
        this.#report({ event: "progress", job: jobOf(execution), percent, note }),
      stuck: (execution) => {
        this.#health.stuck(execution);
        this.#report({
          event: "stuck",
          job: jobOf(execution),
          runningMs: queue.clock.monotonic() - execution.startedAt,
        });
      },
      unknownType: ({ type }, name, deadLetterAt) => unknownTypes.saw(type, name, deadLetterAt),
      misused: (name, error) => this.#warn(name, "middleware", error.message),
      ended: (execution, at) => this.#health.ended(execution, at),
    };
    this.#executor = new Executor({
      clock: queue.clock,
      registry: this.#registry,
      middleware: this.#middleware,
      health: this.#health,
      host,
      unknownTypeMaxAgeMs,
    });
    this.#lifecycle = new Lifecycle({
      refusal: () => (this.#registry.all.length === 0 ? noHandlers() : undefined),
      began: (queues) => {
        this.#health.start(queues);
        tracker?.began?.(queues);
      },
      receive: (name, stop, onPolling) => this.#receive(name, stop, onPolling),
      failed: (name, error) => this.#health.failed(name, error),
      draining: () => {
        tracker?.draining?.();
        this.#idleDrain = queue.clock.timer(IDLE_DRAIN_MS, () => this.#tellWaiting());
      },
      ended: () => {
        this.#idleDrain?.cancel();
        this.#deadlines.clear();
        this.#health.stop();
        reporter.log?.flush();
        tracker?.ended?.();
      },
    });
  }

  /**
   * The registered job types, in the order of registration.
   *
   * @example
   * console.log(worker.registered.map(({ type }) => type));
   */
  get registered(): readonly Registration[] {
    return this.#registry.all;
  }

  /**
   * Registers the handler of a job definition. The schema of the definition validates and types the payload. A payload
   * that does not match is dead-lettered as `invalid_payload`.
   *
   * @throws QueueError `duplicate_handler` when the type has a handler
   * @throws QueueError `invalid_options` when the type, the handler or an option is wrong
   *
   * @example
   * worker.register(sendWelcome, async ({ payload }) => mail(payload.email), { timeoutMs: "30s" });
   */
  register<Input, Output>(
    job: JobDefinition<Input, Output>,
    handler: JobHandler<Output>,
    options?: RegisterOptions,
  ): this;
  /**
   * Registers the handler of a job type by its name. The payload is not validated.
   *
   * @throws QueueError `duplicate_handler` when the type has a handler
   * @throws QueueError `invalid_options` when the type, the handler or an option is wrong
   *
   * @example
   * worker.register<{ email: string }>("send_welcome_email", async ({ payload }) => mail(payload.email));
   */
  register<Payload = any>(type: string, handler: JobHandler<Payload>, options?: RegisterOptions): this;
  register(
    job: string | JobDefinition<any, any, any>,
    handler: JobHandler<any>,
    options?: RegisterOptions,
  ): this {
    this.#registry.add(job, handler, options);
    return this;
  }

  /**
   * Adds a middleware around every handler. The one that was added first is the outermost.
   *
   * @throws QueueError `invalid_options` when the middleware is no function
   *
   * @example
   * worker.use(async ({ message }, next) => {
   *   console.log("started", message.id);
   *   await next();
   * });
   */
  use(middleware: Middleware): this {
    if (typeof middleware !== "function")
      throw new QueueError("invalid_options", `use takes a middleware function; got ${show(middleware)}.`);
    this.#middleware.push(middleware);
    return this;
  }

  /**
   * Adds a listener of an event. A listener that throws, or whose promise rejects, affects no job and no other listener:
   * its error is reported as a `warning` with the code `listener`.
   *
   * @throws QueueError `invalid_options` when the listener is no function
   *
   * @example
   * worker.on("dead_lettered", ({ job, reason, error }) => console.error(job.type, reason, error));
   */
  on<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this {
    this.#reporter.listeners.add(event, listener);
    return this;
  }

  /**
   * Removes a listener.
   *
   * @example
   * worker.off("dead_lettered", listener);
   */
  off<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this {
    this.#reporter.listeners.remove(event, listener);
    return this;
  }

  /**
   * Adds a listener that is called at most once.
   *
   * @example
   * worker.once("polled", () => console.log("connected"));
   */
  once<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this {
    this.#reporter.listeners.add(event, listener, true);
    return this;
  }

  /**
   * Runs the jobs of these queues until `signal` aborts or {@link stop} is called. Then drains: running jobs end, and
   * all other messages are released. Resolves when this is done. A queue that cannot be received ends the worker: the
   * other queues are drained, and the error is thrown.
   *
   * Rejects with the signal's reason if the signal has aborted before the call.
   *
   * @throws QueueError `no_handlers` when no handler is registered
   * @throws QueueError `already_running` when the worker is running
   * @throws QueueError `invalid_options` when a queue name or an option is wrong
   * @throws QueueError `not_found`, `auth`, `not_supported` or `provider` when a queue cannot be received
   * @throws QueueError `drain_incomplete` when a handler did not end within `drainMs` and `graceMs`
   *
   * @example
   * await worker.run(["emails", "reports"], { signal: shutdown.signal });
   */
  run(
    queues: string | readonly string[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return this.#lifecycle.run(queues, options.signal);
  }

  /**
   * Starts the worker. Resolves when every queue is being polled. If the worker ends with an error after that, the
   * error is emitted as the event `error`. Without a listener, it is thrown as an uncaught exception.
   *
   * @throws QueueError as {@link run}, for errors before the first poll
   *
   * @example
   * await worker.start("emails");
   * for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => worker.stop());
   */
  start(
    queues: string | readonly string[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return this.#lifecycle.start(queues, options.signal, (error) => this.#reporter.ended(error));
  }

  /**
   * Drains the worker. Resolves when it has stopped. After {@link run}, an error is thrown by `run`; after
   * {@link start}, it is thrown here. Does nothing if the worker is not running.
   *
   * @throws QueueError `drain_incomplete` when `start` started the worker and a handler did not end
   *
   * @example
   * await worker.stop();
   */
  async stop(): Promise<void> {
    await this.#lifecycle.stop();
  }

  /**
   * Pauses the worker: it receives no new messages until {@link resume}. Running handlers go on.
   *
   * @example
   * worker.pause();
   */
  pause(): void {
    this.#pause.pause();
  }

  /**
   * Resumes a paused worker.
   *
   * @example
   * worker.resume();
   */
  resume(): void {
    if (this.#pause.paused) this.#health.resumed();
    this.#pause.resume();
  }

  /**
   * Returns the health of the worker, for liveness and readiness checks.
   *
   * @example
   * const { live, ready } = worker.health();
   */
  health(): WorkerHealth {
    const { state } = this.#lifecycle;
    const isPaused = this.#pause.paused || this.#tracker?.pause?.paused === true;
    return this.#health.report(state === "running" && isPaused ? "paused" : state);
  }

  async #receive(queue: string, stop: AbortSignal, onPolling: () => void): Promise<void> {
    const { concurrency, leaseMs, extendEveryMs, drainMs, graceMs, backoff, allowUncounted } = this.#options;
    await this.#managed.receiveManaged(queue, this.#executor.handle, {
      signal: stop,
      concurrency,
      concurrencyOf: (type) => this.#registry.get(type)?.concurrency,
      maxAttemptsOf: (type) => this.#registry.get(type)?.maxAttempts,
      leaseMs,
      extendEveryMs,
      drainMs,
      graceMs,
      backoff,
      allowUncounted,
      maxAttempts: Math.max(defaults.maxAttempts, ...this.registered.map((job) => job.maxAttempts ?? 0)),
      pause: this.#pause,
      onPolling,
      tracker: this.#tracker,
      onEvent: (event) => {
        this.#health.saw(event);
        this.#reporter.report(event);
      },
    });
  }

  /** Logs what the drain waits for if no job runs: the stop of an idle worker would otherwise take long without a word. */
  #tellWaiting(): void {
    const { log } = this.#reporter;
    const { state, running, queues } = this.health();
    const [first] = queues;
    if (log === undefined || state !== "draining" || running > 0 || first === undefined) return;
    this.queue.describe(first.queue).then(
      ({ limits }) => log.waitsForPolls(limits.longPollMs),
      () => log.waitsForPolls(undefined),
    );
  }

  /** Emits and publishes an event inside a run. The receiver reports all others. */
  #report(event: JobEvent): void {
    this.#reporter.report(event);
    if (!channels.job.hasSubscribers) return;
    channels.job.publish({
      ...event,
      provider: this.queue.provider,
      queue: event.job.queue,
      source: this.queue,
    });
  }

  /** Emits and publishes a warning of the worker itself. */
  #warn(queue: string, code: string, message: string): void {
    this.#reporter.warn(queue, code, message);
    if (!channels.receive.hasSubscribers) return;
    const { provider } = this.queue;
    channels.receive.publish({ event: "warning", queue, code, message, provider, source: this.queue });
  }
}

/** A drain in which no job runs is explained after this long. */
const IDLE_DRAIN_MS = 1_000;

function noHandlers(): QueueError {
  return new QueueError(
    "no_handlers",
    "This worker has no handlers: every message would be of an unknown type. Call register first.",
  );
}

function jobOf({ message, queue, attempt }: Execution): JobEvent["job"] {
  return { id: message.id, type: message.type, queue, attempt, maxAttempts: message.maxAttempts };
}
