import type { Clock, Timer } from "./clock.ts";
import { type Timed, TimerHeap } from "./timer-heap.ts";

/** An action at a moment, unless it is cancelled before. */
export interface Deadline extends Timed {
  /** Called once, at `at` or soon after. */
  expire(): void;
}

/** Many deadlines on one timer, on the monotonic clock. Setting and cancelling one costs a fraction of a `setTimeout`. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap = new TimerHeap<Deadline>();
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Schedules a deadline for its moment. The timer does not keep the process alive. */
  set(deadline: Deadline): void {
    this.#heap.push(deadline);
    if (deadline.at < this.#armedFor) this.#arm(deadline.at);
  }

  /** Cancels a deadline. One that has expired, or was never set, is ignored. */
  cancel(deadline: Deadline): void {
    // The timer stays armed: the next deadline is most likely a later one.
    if (deadline.heapIndex >= 0) this.#heap.remove(deadline);
  }

  /** Forgets every deadline. */
  clear(): void {
    this.#heap.clear();
    this.#disarm();
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = this.#clock.timer(Math.max(0, at - this.#clock.monotonic()), () => this.#fire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#disarm();
    const now = this.#clock.monotonic();
    for (let due = this.#heap.popDue(now); due !== undefined; due = this.#heap.popDue(now)) due.expire();
    const next = this.#heap.peek();
    if (next !== undefined && next.at < this.#armedFor) this.#arm(next.at);
  }
}
