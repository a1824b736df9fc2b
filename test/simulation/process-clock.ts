import type { Clock, Timer } from "../../src/lib/clock.ts";
import { FakeClock } from "../../src/testing/index.ts";

interface PendingTimer {
  readonly at: number;
  readonly run: () => void;
  timer: Timer | undefined;
}

/**
 * The clock of one process: the world's clock plus the skew of the process. It stops when the process dies. After the
 * run, the timers of a dead process fire on a separate clock, so that its remaining promises settle.
 */
export class ProcessClock implements Clock {
  #skewMs: number;
  readonly #pending = new Set<PendingTimer>();
  #host: FakeClock | undefined;
  #frozenAt = 0;
  #frozenMonotonic = 0;
  /** The monotonic clock of the process minus the host's. */
  #aheadMs = 0;
  /** Timers that were due while the process stood still. Undefined if it does not. */
  #waiting: PendingTimer[] | undefined;

  constructor(world: FakeClock, skewMs: number) {
    this.#host = world;
    this.#skewMs = skewMs;
  }

  now(): number {
    return (this.#host?.now() ?? this.#frozenAt) + this.#skewMs;
  }

  monotonic(): number {
    return this.#host === undefined ? this.#frozenMonotonic : this.#host.monotonic() + this.#aheadMs;
  }

  /** Sets the time of day of the process. The clocks of the other processes and of the broker do not change. */
  set(byMs: number): void {
    this.#skewMs += byMs;
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#pending.size;
  }

  timer(ms: number, run: () => void): Timer {
    const pending: PendingTimer = { at: this.monotonic() + Math.max(0, ms), run, timer: undefined };
    this.#pending.add(pending);
    this.#arm(pending);
    return {
      cancel: () => {
        pending.timer?.cancel();
        this.#pending.delete(pending);
      },
    };
  }

  /** Holds all timers back until `resume`, as a process that stands still does. Time passes meanwhile. */
  pause(): void {
    this.#waiting ??= [];
  }

  /** Fires the timers that were due meanwhile. */
  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const pending of waiting) if (this.#pending.has(pending)) this.#fire(pending);
  }

  /** Stops the clock. No timer fires until `thaw`. */
  freeze(): void {
    this.#frozenAt = this.#host?.now() ?? this.#frozenAt;
    this.#frozenMonotonic = this.monotonic();
    this.#host = undefined;
    for (const { timer } of this.#pending) timer?.cancel();
  }

  /** Continues on a separate clock, which it returns. */
  thaw(): FakeClock {
    const host = new FakeClock({ start: this.#frozenAt });
    this.#host = host;
    this.#aheadMs = this.#frozenMonotonic - host.monotonic();
    this.#waiting = undefined;
    for (const pending of this.#pending) this.#arm(pending);
    return host;
  }

  #fire(pending: PendingTimer): void {
    this.#pending.delete(pending);
    pending.run();
  }

  #arm(pending: PendingTimer): void {
    const host = this.#host;
    if (host === undefined) return;
    pending.timer = host.timer(pending.at - this.monotonic(), () => {
      if (this.#waiting === undefined) this.#fire(pending);
      else this.#waiting.push(pending);
    });
  }
}
