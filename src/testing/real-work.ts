import type { Worker } from "../worker/worker.ts";
import { realTime } from "./real-time.ts";

const EVENTS = ["started", "completed", "failed"] as const;

/**
 * Gives handlers that do real input and output the real time for it: while there is more of that under way than when
 * no handler ran, but not for ever, since it may be something that nobody waits for.
 */
export class RealWork {
  readonly #worker: Worker;
  readonly #mostMs: number;
  #atRest = underWay();
  /** Since a job began or ended, in milliseconds. */
  #waited = 0;

  constructor(worker: Worker, mostMs: number) {
    this.#worker = worker;
    this.#mostMs = mostMs;
    for (const event of EVENTS) worker.on(event, this.#onJob);
  }

  /** No handler runs: what is open now is nothing that one waits for. */
  rest(): void {
    this.#atRest = underWay();
  }

  async wait(): Promise<void> {
    do {
      const before = performance.now();
      await realTime();
      this.#waited += performance.now() - before;
    } while (this.#waited < this.#mostMs && this.#isUnderWay());
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

/** What keeps the process busy, by its kind: requests to files and names, sockets, timers. */
function underWay(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== "Immediate") counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
