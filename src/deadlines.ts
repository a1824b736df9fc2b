import type { Clock, Timer } from "./clock.ts";

/** One thing that is to happen at a moment, unless it is cancelled before. */
export interface Deadline {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Cleared by {@link Deadlines.cancel}. */
  run: (() => void) | undefined;
}

/**
 * Many deadlines on one timer. Setting and cancelling one costs a fraction of a `setTimeout`: cancelled entries stay
 * in the heap until they surface, or until they outnumber the live ones.
 */
export class Deadlines {
  readonly #clock: Clock;
  #heap: Deadline[] = [];
  #cancelled = 0;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `run` at `at`, in epoch milliseconds. The timer does not keep the process alive. */
  set(at: number, run: () => void): Deadline {
    const deadline: Deadline = { at, run };
    this.#push(deadline);
    if (at < this.#armedFor) this.#arm(at);
    return deadline;
  }

  cancel(deadline: Deadline): void {
    if (deadline.run === undefined) return;
    deadline.run = undefined;
    this.#cancelled += 1;
    if (this.#cancelled > 1_024 && this.#cancelled * 2 > this.#heap.length) this.#compact();
  }

  /** Forgets every deadline. */
  clear(): void {
    this.#heap = [];
    this.#cancelled = 0;
    this.#disarm();
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = this.#clock.timer(Math.max(0, at - this.#clock.now()), () => this.#fire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#disarm();
    const now = this.#clock.now();
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.run !== undefined && first.at > now) break;
      this.#pop();
      if (first.run === undefined) {
        this.#cancelled -= 1;
        continue;
      }
      const { run } = first;
      first.run = undefined;
      run();
    }
    const next = this.#heap[0];
    if (next !== undefined && next.at < this.#armedFor) this.#arm(next.at);
  }

  #compact(): void {
    const live = this.#heap.filter((deadline) => deadline.run !== undefined);
    this.#heap = [];
    this.#cancelled = 0;
    for (const deadline of live) this.#push(deadline);
    if (live.length === 0) this.#disarm();
  }

  #push(deadline: Deadline): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(deadline);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Deadline;
      if (above.at <= deadline.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = deadline;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Deadline;
    const size = heap.length;
    if (size === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && (heap[child + 1] as Deadline).at < (heap[child] as Deadline).at) child += 1;
      const below = heap[child] as Deadline;
      if (below.at >= last.at) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}
