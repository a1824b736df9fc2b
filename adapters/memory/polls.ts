import type { Clock, Delivery, DriverError, Timer } from "../../src/driver/index.ts";
import type { Holder } from "./message.ts";

/** A call of `next`. */
export interface Poll {
  readonly holder: Holder;
  readonly leaseMs: number;
  readonly max: number;
  /** The time that it waits for a message. @default the long poll of the emulated provider */
  readonly waitMs?: number | undefined;
}

interface Waiting extends Poll {
  readonly until: number;
  end(deliveries: Delivery[]): void;
  fail(error: DriverError): void;
}

/**
 * The waiting polls of one queue, in the order of their calls, with one timer for all. The timer runs only while a poll
 * waits. It then keeps the process alive, as the socket of a poll does.
 */
export class Polls {
  readonly #clock: Clock;
  readonly #longPollMs: number;
  readonly #onTime: () => void;
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, longPollMs: number, onTime: () => void) {
    this.#clock = clock;
    this.#longPollMs = longPollMs;
    this.#onTime = onTime;
  }

  get any(): boolean {
    return this.#waiting.size > 0;
  }

  wait(poll: Poll, signal: AbortSignal): Promise<Delivery[]> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener("abort", onAbort);
        this.#waiting.delete(waiting);
        if (this.#waiting.size === 0) this.#disarm();
      };
      const waiting: Waiting = {
        ...poll,
        until: this.#clock.monotonic() + Math.min(poll.waitMs ?? this.#longPollMs, this.#longPollMs),
        end: (deliveries) => {
          leave();
          resolve(deliveries);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void => waiting.end([]);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Ends the polls, in turn, with the deliveries that `take` finds for them, until it finds none. */
  serve(take: (poll: Poll) => Delivery[]): void {
    for (const waiting of this.#waiting) {
      const deliveries = take(waiting);
      if (deliveries.length === 0) return;
      waiting.end(deliveries);
    }
  }

  /** Ends the polls whose wait is over. */
  expire(now: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.until <= now) waiting.end([]);
    }
  }

  /** Ends the polls of one holder, or all polls, without a message. */
  end(holder?: Holder): void {
    for (const waiting of this.#waiting) {
      if (holder === undefined || waiting.holder === holder) waiting.end([]);
    }
  }

  fail(error: DriverError): void {
    for (const waiting of this.#waiting) waiting.fail(error);
  }

  /** Sets the timer to `at` or to the end of the first poll. A timer that is set for an earlier time stays. */
  arm(at: number): void {
    if (!this.any) return;
    let earliest = at;
    for (const { until } of this.#waiting) earliest = Math.min(earliest, until);
    if (earliest >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = earliest;
    const fire = (): void => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#onTime();
    };
    this.#timer = this.#clock.timer(Math.max(0, earliest - this.#clock.monotonic()), fire, true);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }
}
