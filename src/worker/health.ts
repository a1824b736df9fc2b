import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "../clock.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Execution } from "./execution.ts";
import type { QueueHealth, WorkerHealth } from "./types.ts";

/** A queue whose last poll is older than this is not ready, unless all of its slots are taken. */
const POLLED_LATELY_MS = 90_000;

/** Looks closer together than this share one figure: probes side by side must not take it from each other. */
const LAG_WINDOW_MS = 1_000;

/** What is known of one queue of a worker. */
export class QueueState {
  lastPollAt: number | undefined;
  /** When it last began to have room for more; until then, it need not poll. */
  freeSince = 0;
  error: string | undefined;
  failed = false;
  running = 0;
  /** Those that go on after timeout and grace. */
  readonly stalled: Set<Execution> = new Set();
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

  began(execution: Execution): void {
    const state = this.#queues.get(execution.queue);
    if (state === undefined) return;
    execution.state = state;
    state.running += 1;
  }

  /** At `at`, in epoch milliseconds. */
  ended(execution: Execution, at: number): void {
    const { state } = execution;
    if (state === undefined) return;
    if (state.running >= this.#concurrency) state.freeSince = at;
    state.running -= 1;
    if (state.stalled.size > 0) state.stalled.delete(execution);
  }

  /** It goes on after timeout and grace. */
  stalled(execution: Execution): void {
    execution.state?.stalled.add(execution);
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
    const stalled = states.flatMap(([, queue]) => [...queue.stalled]);
    return {
      live: !states.some(([, queue]) => queue.failed || this.#isStuck(queue)),
      ready: working && states.every(([, queue]) => this.#isReady(queue, now, state === "paused")),
      state,
      running: states.reduce((sum, [, queue]) => sum + queue.running, 0),
      stalled: stalled.map(({ message, queue, startedAt }) => ({
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

  #isStuck({ stalled }: QueueState): boolean {
    return stalled.size >= this.#concurrency;
  }

  #isReady(state: QueueState, now: number, paused: boolean): boolean {
    const { lastPollAt, freeSince, error, running } = state;
    if (lastPollAt === undefined || error !== undefined) return false;
    if (paused || running >= this.#concurrency) return true;
    return now - Math.max(lastPollAt, freeSince) <= POLLED_LATELY_MS;
  }
}
