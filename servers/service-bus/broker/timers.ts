import type { Clock, Timer } from "../../../src/lib/clock.ts";
import type { BrokerMessage } from "./message.ts";

const RETRY_MS = 1_000;

/** The clock and the timers of one server. All timers end with the server. They do not keep the process alive. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Epoch milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /**
   * Runs a function once at `at`, in epoch milliseconds. A function that throws (the store may have failed) runs again
   * a second later. Returns a function that cancels the timer.
   */
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
          this.#running.add(cancel);
          timer = this.#clock.timer(RETRY_MS, arm);
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

/** The timers of one entity, at most one per message: for its lock, its schedule or its expiry. */
export class MessageTimers {
  readonly #timers: Timers;
  readonly #cancels = new Map<number, () => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Sets the timer of a message, in place of the one it had. `at` is in epoch milliseconds. */
  set({ sequence }: BrokerMessage, at: number, run: () => void): void {
    this.#cancels.get(sequence)?.();
    const cancel = this.#timers.at(at, () => {
      this.#cancels.delete(sequence);
      run();
    });
    this.#cancels.set(sequence, cancel);
  }

  cancel({ sequence }: BrokerMessage): void {
    this.#cancels.get(sequence)?.();
    this.#cancels.delete(sequence);
  }

  end(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}
