import type { Clock, Timer } from "../../../src/lib/clock.ts";

const AGAIN_MS = 1_000;

/** The time of one server, and its timers, all of which end with it. They do not keep the process alive. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Runs once at `at`, in epoch milliseconds. Returns what cancels it. */
  at(at: number, run: () => void): () => void {
    let timer: Timer;
    const cancel = (): void => {
      timer.cancel();
      this.#running.delete(cancel);
    };
    const arm = (): void => {
      const leftMs = at - this.now();
      if (leftMs <= 0) {
        this.#running.delete(cancel);
        try {
          run();
        } catch {
          // It could not be written down: the disk may be full.
          this.#running.add(cancel);
          timer = this.#clock.timer(AGAIN_MS, arm);
        }
        return;
      }
      timer = this.#clock.timer(leftMs, arm);
    };
    this.#running.add(cancel);
    timer = this.#clock.timer(Math.max(0, at - this.now()), arm);
    return cancel;
  }

  stop(): void {
    for (const cancel of this.#running) cancel();
  }
}
