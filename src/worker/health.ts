import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "../lib/clock.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { QueueHealth, WorkerHealth } from "./types.ts";

/** A queue whose last poll is older than this is not ready, unless all of its slots are taken. */
const POLLED_LATELY_MS = 90_000;

/** Looks closer together than this share one figure: probes side by side must not take it from each other. */
const LAG_WINDOW_MS = 1_000;

/** A run of a handler, as health counts it. */
export interface CountedRun {
  readonly message: { readonly id: string; readonly type: string };
  readonly queue: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** The queue that counts this run; undefined if the worker does not work on it any more. */
  state: QueueState | undefined;
}

/** What is known of one queue of a worker. */
export class QueueState {
  lastPollAt: number | undefined;
  /** When it last began to have room for more; until then, it need not poll. */
  freeSince = 0;
  error: string | undefined;
  failed = false;
  running = 0;
  /** Those that go on after timeout and grace. */
  readonly stuck: Set<CountedRun> = new Set();
}

/** Keeps what `worker.health()` tells. */
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
    // Loaded here, and not by whoever only sends.
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

  /** At `at`, in epoch milliseconds. */
  ended(run: CountedRun, at: number): void {
    const { state } = run;
    if (state === undefined) return;
    if (state.running >= this.#concurrency) state.freeSince = at;
    state.running -= 1;
    if (state.stuck.size > 0) state.stuck.delete(run);
  }

  /** It goes on after timeout and grace. */
  stuck(run: CountedRun): void {
    run.state?.stuck.add(run);
  }

  /** Its queues are polled again. */
  resumed(): void {
    for (const state of this.#queues.values()) state.freeSince = this.#clock.now();
  }

  /** A receiver ended by an error: this queue is not worked on any more. */
  failed(queue: string, error: unknown): void {
    const state = this.#queues.get(queue);
    if (state === undefined) return;
    state.failed = true;
    state.error = describeError(error);
  }

  saw(event: JobEvent | ReceiveEvent): void {
    if (event.event !== "polled" && event.event !== "poll_failed") return;
    const state = this.#queues.get(event.queue);
    if (state === undefined) return;
    if (event.event === "polled") {
      state.lastPollAt = event.at;
      state.error = undefined;
    } else {
      state.error = describeError(event.error);
    }
  }

  report(state: WorkerHealth["state"]): WorkerHealth {
    const now = this.#clock.now();
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
      queues: states.map(([queue, { lastPollAt, error, running }]): QueueHealth => ({
        queue,
        lastPollAt: lastPollAt === undefined ? undefined : new Date(lastPollAt),
        error,
        running,
      })),
    };
  }

  /** By the machine's clock, as the lag itself is. */
  #lagMs(): number {
    const now = performance.now();
    if (this.#lag !== undefined && now - this.#lagSince >= LAG_WINDOW_MS) {
      this.#lastLagMs = this.#lag.percentile(99) / 1e6;
      this.#lag.reset();
      this.#lagSince = now;
    }
    return this.#lastLagMs;
  }

  #isStuck({ stuck }: QueueState): boolean {
    return stuck.size >= this.#concurrency;
  }

  #isReady(state: QueueState, now: number, paused: boolean): boolean {
    const { lastPollAt, freeSince, error, running } = state;
    if (lastPollAt === undefined || error !== undefined) return false;
    if (paused || running >= this.#concurrency) return true;
    return now - Math.max(lastPollAt, freeSince) <= POLLED_LATELY_MS;
  }
}
