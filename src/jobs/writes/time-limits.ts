import type { Clock, Timer } from "../../lib/clock.ts";

/** Work that is to be done within the time limit. */
export interface Limited {
  readonly isSettled: boolean;
  /** When the limit ends, in milliseconds of the monotonic clock. */
  readonly until: number;
  /** Called once, if the work is not settled by then. */
  expire(): void;
}

/** One time limit for all work of a kind, on one timer. The work that began first expires first. */
export class TimeLimits<Work extends Limited> {
  readonly #clock: Clock;
  #work: (Work | undefined)[] = [];
  #head = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds work whose limit ends after that of all work before it. */
  add(work: Work): void {
    this.#skipSettled();
    this.#work.push(work);
    this.#timer ??= this.#arm(work);
  }

  /** Everything that is not settled. */
  pending(): Work[] {
    return this.#work.filter((work): work is Work => work?.isSettled === false);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm({ until }: Work): Timer {
    return this.#clock.timer(until - this.#clock.monotonic(), () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    this.#skipSettled();
    for (let first = this.#work[this.#head]; first !== undefined && first.until <= now;) {
      first.expire();
      this.#skipSettled();
      first = this.#work[this.#head];
    }
    const next = this.#work[this.#head];
    if (next !== undefined) this.#timer ??= this.#arm(next);
  }

  /** Forgets the settled work at the front. */
  #skipSettled(): void {
    while (this.#work[this.#head]?.isSettled === true) {
      // Released at once: it may refer to a large payload.
      this.#work[this.#head] = undefined;
      this.#head += 1;
    }
    const left = this.#work.length - this.#head;
    if (left > 0 && (this.#head <= 1_024 || this.#head < left)) return;
    // Moved in place: an old array that is left behind would keep its items alive through their first collections.
    this.#work.copyWithin(0, this.#head);
    this.#work.length = left;
    this.#head = 0;
  }
}
