import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "../lib/clock.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { QueueHealth, WorkerHealth } from "./types.ts";

/** Maximum age of the last poll of a ready queue. A queue whose slots are all taken does not poll, and is ready. */
const POLLED_LATELY_MS = 90_000;

/**
 * Shortest window of a lag measurement. Probes that ask within one window get the same value. Otherwise, each probe
 * would reset the measurement of the others.
 */
const LAG_WINDOW_MS = 1_000;

/**
 * Time for which a queue is not ready after a message could not be moved to its dead letters, in milliseconds. The move is
 * tried again every 5 minutes at least. Another worker may have made it.
 */
const DEAD_LETTERS_FAILED_MS = 330_000;

/** The part of a run that health reports. */
export interface CountedRun {
  readonly message: { readonly id: string; readonly type: string };
  readonly queue: string;
  /** The time at which the handler was called, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** The queue that counts this run; undefined if the worker no longer works on it. */
  state: QueueState | undefined;
}

/** The state of one queue of a worker. */
export class QueueState {
  /** The time of the last successful poll, in epoch milliseconds. */
  lastPollAt: number | undefined;
  /** The time of the last successful poll, in milliseconds of the monotonic clock. */
  polledAt = 0;
  /** The time since which the queue has free slots, in milliseconds of the monotonic clock. A full queue does not poll. */
  freeSince = 0;
  error: string | undefined;
  /** The last failure to move a message to the dead letters, with its time; undefined after a move. */
  deadLetters: { readonly error: string; readonly at: number } | undefined;
  /** Whether the receiver ended with an error. */
  failed = false;
  running = 0;
  /** Runs that go on after the time limit and the grace. */
  readonly stuck: Set<CountedRun> = new Set();
}

/** Collects the data that `worker.health()` returns. */
export class HealthRecord {
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #queues = new Map<string, QueueState>();
  #lag: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #lagSince = 0;
  #lastLagMs = 0;

  constructor(clock: Clock, concurrency: number) {
    this.#clock = clock;
    this.#concurrency = concurrency;
  }

  start(queues: readonly string[]): void {
    this.#queues.clear();
    for (const queue of queues) this.#queues.set(queue, new QueueState());
    // Loaded here, so that a process that only sends does not load it.
    this.#lag = process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay({ resolution: 20 });
    this.#lag.enable();
    this.#lagSince = performance.now();
    this.#lastLagMs = 0;
  }

  stop(): void {
    this.#lag?.disable();
    this.#lag = undefined;
  }

  began(run: CountedRun): void {
    const state = this.#queues.get(run.queue);
    if (state === undefined) return;
    run.state = state;
    state.running += 1;
  }

  /** Records the end of a run. `at` is in milliseconds of the monotonic clock. */
  ended(run: CountedRun, at: number): void {
    const { state } = run;
    if (state === undefined) return;
    if (state.running >= this.#concurrency) state.freeSince = at;
    state.running -= 1;
    if (state.stuck.size > 0) state.stuck.delete(run);
  }

  /** Records that a run goes on after the time limit and the grace. */
  stuck(run: CountedRun): void {
    run.state?.stuck.add(run);
  }

  /** Records that a paused worker polls again. */
  resumed(): void {
    for (const state of this.#queues.values()) state.freeSince = this.#clock.monotonic();
  }

  /** Records that the receiver of a queue ended with an error. */
  failed(queue: string, error: unknown): void {
    const state = this.#queues.get(queue);
    if (state === undefined) return;
    state.failed = true;
    state.error = describeError(error);
  }

  saw(event: JobEvent | ReceiveEvent): void {
    if (event.event === "dead_lettered") {
      this.#deadLettered(event.job.queue);
      return;
    }
    if (event.event === "settle_failed") {
      // A message that is too large says nothing of the others.
      if (event.operation === "dead_letter" && event.kind !== "too_large")
        this.#deadLettered(event.queue, event.error);
      return;
    }
    if (event.event !== "polled" && event.event !== "poll_failed") return;
    const state = this.#queues.get(event.queue);
    if (state === undefined) return;
    if (event.event === "polled") {
      state.lastPollAt = event.at;
      state.polledAt = this.#clock.monotonic();
      state.error = undefined;
    } else {
      state.error = describeError(event.error);
    }
  }

  #deadLettered(queue: string, error?: unknown): void {
    const state = this.#queues.get(queue);
    if (state === undefined) return;
    state.deadLetters =
      error === undefined
        ? undefined
        : { error: `dead letters cannot be moved: ${describeError(error)}`, at: this.#clock.monotonic() };
  }

  report(state: WorkerHealth["state"]): WorkerHealth {
    const now = this.#clock.monotonic();
    const states = [...this.#queues];
    const working = state === "running" || state === "paused";
    const stuck = states.flatMap(([, queue]) => [...queue.stuck]);
    return {
      live: !states.some(([, queue]) => queue.failed || this.#isStuck(queue)),
      ready: working && states.every(([, queue]) => this.#isReady(queue, now, state === "paused")),
      state,
      running: states.reduce((sum, [, queue]) => sum + queue.running, 0),
      stuck: stuck.map(({ message, queue, startedAt }) => ({
        id: message.id,
        type: message.type,
        queue,
        runningMs: now - startedAt,
      })),
      eventLoopLagMs: this.#lagMs(),
      queues: states.map(([queue, one]): QueueHealth => ({
        queue,
        lastPollAt: one.lastPollAt === undefined ? undefined : new Date(one.lastPollAt),
        error: one.error ?? failureOfDeadLetters(one, now),
        running: one.running,
      })),
    };
  }

  /** Returns the lag. Uses the machine's clock, because the event loop does not depend on the clock of a test. */
  #lagMs(): number {
    const now = performance.now();
    if (this.#lag !== undefined && now - this.#lagSince >= LAG_WINDOW_MS) {
      // Tenths of a millisecond are more than the sampling resolves.
      this.#lastLagMs = Math.round(this.#lag.percentile(99) / 1e5) / 10;
      this.#lag.reset();
      this.#lagSince = now;
    }
    return this.#lastLagMs;
  }

  #isStuck({ stuck }: QueueState): boolean {
    return stuck.size >= this.#concurrency;
  }

  #isReady(state: QueueState, now: number, paused: boolean): boolean {
    const { lastPollAt, polledAt, freeSince, error, running } = state;
    if (lastPollAt === undefined || error !== undefined) return false;
    if (failureOfDeadLetters(state, now) !== undefined) return false;
    if (paused || running >= this.#concurrency) return true;
    return now - Math.max(polledAt, freeSince) <= POLLED_LATELY_MS;
  }
}

function failureOfDeadLetters({ deadLetters }: QueueState, now: number): string | undefined {
  return deadLetters !== undefined && now - deadLetters.at <= DEAD_LETTERS_FAILED_MS
    ? deadLetters.error
    : undefined;
}
