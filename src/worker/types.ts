import type { BackoffOptions } from "../backoff.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import type { Duration } from "../lib/duration.ts";
import type { Logger } from "../lib/logger.ts";
import type { Message } from "../message/message.ts";

/** What a job handler is given beside its message. */
export interface JobContext {
  readonly queue: string;
  /** 1 on the first run. */
  readonly attempt: number;
  /** Aborts on timeout, at the drain deadline, and when the lease is lost; `signal.reason` says which. */
  readonly signal: AbortSignal;
  /** Bound to the job's id, type and attempt. */
  readonly logger: Logger;
  /** Reports how far the job is, from 0 to 100. */
  readonly progress: (percent: number, note?: string) => void;
  /** Extends the lease now; it is extended by itself too, for as long as the handler runs. */
  readonly extend: () => Promise<void>;
}

/**
 * Does a job. Resolves: done. Throws: tried again with backoff. Throws `PermanentError`: dead-lettered at once.
 * Throws `RetryAfterError`: tried again after its delay.
 */
export type JobHandler<Payload = unknown> = (message: Message<Payload>, context: JobContext) => unknown;

/**
 * Wraps every handler of a worker, the first one used outermost. `next` runs what is inside, once. What a middleware
 * throws, its own or from `next`, fails the run; one that resolves without having called it leaves the handler out: the
 * job is done.
 */
export type Middleware = (
  job: { readonly message: Message; readonly context: JobContext },
  next: () => Promise<void>,
) => Promise<void>;

/** How a worker works. Times in milliseconds. */
export interface WorkerOptions {
  /** Handlers running at once on each queue. @default 10 */
  readonly concurrency?: number | undefined;
  /** How long a run may take, unless its type says otherwise. @default 300000 */
  readonly timeoutMs?: Duration | undefined;
  /** After the abort of a handler's signal, until it counts as stuck. @default 5000 */
  readonly graceMs?: Duration | undefined;
  /** After the timeout, until the lease of a stuck handler is given up. @default 60000 */
  readonly hardLimitMs?: Duration | undefined;
  /** @default 30000 */
  readonly leaseMs?: Duration | undefined;
  /** At most half of `leaseMs`. @default 10000 */
  readonly extendEveryMs?: Duration | undefined;
  /** On shutdown, running handlers get this long before their signals abort. @default 25000 */
  readonly drainMs?: Duration | undefined;
  /** Over the queue's backoff. */
  readonly backoff?: BackoffOptions | undefined;
  /** A message of a type that nobody knows is dead-lettered after this long. @default 3600000 */
  readonly unknownTypeMaxAgeMs?: Duration | undefined;
  /** Where a provider cannot count deliveries: work all the same, without attempts. @default false */
  readonly allowUncounted?: boolean | undefined;
  /** @default silent */
  readonly logger?: Logger | undefined;
}

/** What a worker reports about itself. */
export interface WorkerHealth {
  /** False when every slot of a queue is stuck, or a queue's receiver has ended by an error: restart the process. */
  readonly live: boolean;
  /** True when every queue has polled with success lately, and the worker is neither starting nor draining. */
  readonly ready: boolean;
  readonly state: "idle" | "running" | "paused" | "draining" | "stopped";
  readonly running: number;
  /** Handlers that go on after timeout and grace. */
  readonly stuck: readonly {
    readonly id: string;
    readonly type: string;
    readonly queue: string;
    readonly runningMs: number;
  }[];
  /**
   * How late the event loop runs its timers at the 99th percentile, in milliseconds: since the last look, where that is
   * a second ago or longer, else as it was then. 0 in the first second.
   */
  readonly eventLoopLagMs: number;
  readonly queues: readonly QueueHealth[];
}

/** One queue of a worker. */
export interface QueueHealth {
  readonly queue: string;
  /** When a poll last succeeded. */
  readonly lastPollAt: Date | undefined;
  /** The last error, until a poll succeeds again. */
  readonly error: string | undefined;
  readonly running: number;
}

/** The events of a worker, by name, with their argument. */
export type WorkerEvents = {
  readonly [E in JobEvent["event"]]: [Extract<JobEvent, { event: E }>];
} & {
  readonly [E in ReceiveEvent["event"]]: [Extract<ReceiveEvent, { event: E }>];
} & {
  /** A worker that {@link Worker.start} started has ended with an error. Without a listener, the error is thrown. */
  readonly error: [unknown];
};
