import type { WorkerEvents } from "../worker/types.ts";
import type { Worker } from "../worker/worker.ts";

/** A `Worker`, or a worker of recorded jobs. */
export interface AnyWorker extends Pick<Worker, "queue" | "run" | "stop" | "health"> {
  on<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): unknown;
  off<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): unknown;
  /** @internal */
  nextDueAt?(queues: readonly string[]): Promise<number | undefined>;
}

/** Real milliseconds to wait at a time for work that does not use the fake clock. */
export const REAL_MS = 2;
const EVENTS = ["started", "completed", "failed"] as const;

/**
 * Waits in real time for handlers that do real input and output. It waits while the process has more open requests,
 * sockets or timers than it had when no handler ran. The wait is limited, because the open resources may have nothing
 * to do with a handler.
 */
export class RealWork {
  readonly #worker: AnyWorker;
  readonly #maxMs: number;
  #atRest = underWay();
  /** Real milliseconds waited since a job last began or ended. */
  #waited = 0;

  constructor(worker: AnyWorker, maxMs: number) {
    this.#worker = worker;
    this.#maxMs = maxMs;
    for (const event of EVENTS) worker.on(event, this.#onJob);
  }

  /** To be called while no handler runs. Resources that are open now are not waited for later. */
  rest(): void {
    this.#atRest = underWay();
  }

  /** Waits until no handler does real input and output, or the limit is reached. */
  async wait(): Promise<void> {
    do {
      const before = performance.now();
      await realTime();
      this.#waited += performance.now() - before;
    } while (this.#waited < this.#maxMs && this.#isUnderWay());
  }

  close(): void {
    for (const event of EVENTS) this.#worker.off(event, this.#onJob);
  }

  readonly #onJob = (): void => {
    this.#waited = 0;
  };

  #isUnderWay(): boolean {
    for (const [kind, count] of underWay()) {
      if (count > (this.#atRest.get(kind) ?? 0)) return true;
    }
    return false;
  }
}

/** Waits {@link REAL_MS} of real time. */
export function realTime(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REAL_MS));
}

/** Counts the resources that keep the process alive, by kind: requests to files and names, sockets, timers. */
function underWay(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== "Immediate") counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
