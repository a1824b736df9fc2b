import type { BackoffOptions } from "../backoff.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import type { Duration } from "../lib/duration.ts";
import type { AnyLogger, Logger } from "../lib/logger.ts";
import type { Message } from "../message/message.ts";

/** The context of one run of a {@link JobHandler}. Its members can be destructured. */
export interface JobContext {
  /** The logical queue name. */
  readonly queue: string;
  /** The number of the attempt: 1 on the first run. It may be above the number of actual runs, but never below it. */
  readonly attempt: number;
  /**
   * Aborts at the time limit, at the drain deadline, and when the lease is lost. `signal.reason` is a `QueueError` with
   * the code `timeout`, `draining` or `lease_lost`.
   */
  readonly signal: AbortSignal;
  /** The worker's logger, with the job's id, type, queue and attempt bound to it. Its lines never throw. */
  readonly logger: Logger;
  /**
   * Emits a `progress` event. `percent` is from 0 to 100. Does nothing after the handler has ended.
   *
   * @throws QueueError `invalid_options` when `percent` is out of range
   */
  readonly progress: (percent: number, note?: string) => void;
  /**
   * Extends the lease now. The lease is also extended automatically while the handler runs.
   *
   * @throws QueueError `lease_lost` when another receiver may have the message; `unavailable`, `auth` or `provider`
   * when the provider does not confirm the extension
   */
  readonly extend: () => Promise<void>;
}

/**
 * Handles one job. The job is complete when the handler returns; the returned value must not be a disposition. When the
 * handler throws, the job is retried with backoff. `PermanentError` dead-letters it immediately, and `RetryAfterError`
 * chooses the delay.
 *
 * @example
 * const handler: JobHandler<{ email: string }> = async ({ payload }, { signal, logger }) => {
 *   await mail(payload.email, { signal });
 *   logger.info("sent");
 * };
 */
export type JobHandler<Payload = unknown> = (message: Message<Payload>, context: JobContext) => unknown;

/**
 * Wraps every handler of a worker. `next` runs the next middleware, or the handler; it can be called once. A run whose
 * handler failed fails, whether the middleware awaits `next` or catches its error: a middleware can throw another error
 * in its place, and cannot turn the failure into a success. If a middleware resolves without calling `next`, the handler
 * does not run, and the job is complete.
 *
 * @example
 * const timed: Middleware = async ({ message }, next) => {
 *   const startedAt = performance.now();
 *   await next();
 *   console.log(message.type, performance.now() - startedAt);
 * };
 */
export type Middleware = (
  job: { readonly message: Message; readonly context: JobContext },
  next: () => Promise<void>,
) => Promise<void>;

/** The options of a `Worker`. A number as a duration is in milliseconds. */
export interface WorkerOptions {
  /** Maximum number of handlers that run at once on each queue. @default 10 */
  readonly concurrency?: number | undefined;
  /** Time limit of one run, after which the handler's signal aborts. A job type may override it. @default 300000 */
  readonly timeoutMs?: Duration | undefined;
  /** Time from the abort of a handler's signal until the handler counts as stuck. @default 5000 */
  readonly graceMs?: Duration | undefined;
  /** Time from the time limit until the message of a stuck handler is released for a retry. @default 60000 */
  readonly hardLimitMs?: Duration | undefined;
  /** The lease of a message. Ignored if the queue has a fixed lease. @default 30000 */
  readonly leaseMs?: Duration | undefined;
  /** Interval at which a lease is extended; at most half of `leaseMs`. @default 10000, or a third of `leaseMs` if less */
  readonly extendEveryMs?: Duration | undefined;
  /** Time from the stop of the worker to the abort of the running handlers' signals. @default 20000 */
  readonly drainMs?: Duration | undefined;
  /** Overrides parts of the queue's backoff. @default the queue's backoff */
  readonly backoff?: BackoffOptions | undefined;
  /** Time after which a message of a type without a handler is dead-lettered. @default 3600000 */
  readonly unknownTypeMaxAgeMs?: Duration | undefined;
  /**
   * Whether to work on a queue that does not count deliveries. On such a queue, attempts are not counted, and
   * messages that kill their process are not detected.
   * @default false
   */
  readonly allowUncounted?: boolean | undefined;
  /**
   * Receives what handlers log, and what the worker reports: completed jobs as info, failures as warnings, dead letters as
   * errors. pino, `console`, or any object with `debug`, `info`, `warn` and `error`.
   * @default none: the first failure is a warning of the process, unless there is a listener
   */
  readonly logger?: AnyLogger | undefined;
}

/** The health of a worker, for liveness and readiness checks. */
export interface WorkerHealth {
  /** False if every slot of a queue is stuck, or a queue's receiver ended with an error. If false, restart the process. */
  readonly live: boolean;
  /** True if the worker is not draining, and each queue has no free slot or was polled successfully in the last 90 s. */
  readonly ready: boolean;
  readonly state: "idle" | "running" | "paused" | "draining" | "stopped";
  /** Number of handlers that are running. */
  readonly running: number;
  /** Handlers that are still running after the time limit and the grace period (`graceMs`). */
  readonly stuck: readonly {
    readonly id: string;
    readonly type: string;
    readonly queue: string;
    /** Milliseconds since the handler was called. */
    readonly runningMs: number;
  }[];
  /**
   * Lag of the event loop: the 99th percentile of the time by which timers were late, in milliseconds. Measured since the
   * previous call of `health`. Calls within the same second return the same value. 0 in the first second.
   */
  readonly eventLoopLagMs: number;
  readonly queues: readonly QueueHealth[];
}

/** The health of one queue of a worker. */
export interface QueueHealth {
  /** The logical queue name. */
  readonly queue: string;
  /** The time of the last successful poll; undefined if there was none. */
  readonly lastPollAt: Date | undefined;
  /** The error of the last poll; undefined if that poll was successful. */
  readonly error: string | undefined;
  /** Number of handlers that are running. */
  readonly running: number;
}

/** The events of a worker: the name of each, with its arguments. */
export type WorkerEvents = {
  readonly [E in JobEvent["event"]]: [Extract<JobEvent, { event: E }>];
} & {
  readonly [E in ReceiveEvent["event"]]: [Extract<ReceiveEvent, { event: E }>];
} & {
  /**
   * Emitted when a worker that was started by `start` has ended with an error. Without a listener, the error is
   * thrown as an uncaught exception.
   */
  readonly error: [unknown];
};
