import type { Clock, Timer } from "../lib/clock.ts";
import { DeadLetterQueue, pumpUntilStopped, receiveQueue } from "../client/receive-parts.ts";
import { preloadReceive } from "../client/lazy-receive.ts";
import { REAL_MS, realTime } from "./real-time.ts";

// To load it takes real time, which does not pass on such a clock.
preloadReceive({ DeadLetterQueue, pumpUntilStopped, receiveQueue });

/** How a {@link FakeClock} is set up. */
export interface FakeClockOptions {
  /** The moment it starts at: epoch milliseconds, or a Date. @default 2026-01-01T00:00:00.000Z */
  readonly start?: number | Date | undefined;
}

const DEFAULT_START = Date.UTC(2026, 0, 1);
/** Work that still sets immediates after this many rounds does so forever; waiting longer would hang the test. */
const MOST_ROUNDS = 1_000;
const COMPACT_FROM = 64;
const YEAR_MS = 31_536_000_000;

interface Entry {
  readonly at: number;
  /** Timers of one moment fire in the order in which they were set. */
  readonly order: number;
  /** Cleared when the timer fired or was cancelled. */
  run: (() => void) | undefined;
}

/**
 * A clock that stands still until the test moves it. No real timer is behind it: hours pass in microseconds, and
 * nothing keeps the process alive.
 *
 * @example
 * const clock = new FakeClock();
 * const queue = createQueue(memory({ clock }));
 * await queue.sendDelayed("emails", message, { days: 3 });
 * await clock.advance(3 * 86_400_000);
 */
export class FakeClock implements Clock {
  #now: number;
  #heap: Entry[] = [];
  #order = 0;
  #pending = 0;

  constructor({ start = DEFAULT_START }: FakeClockOptions = {}) {
    this.#now = Number(start);
    if (!Number.isFinite(this.#now))
      throw new RangeError(`A clock starts at a valid moment; got ${this.#now}.`);
  }

  now(): number {
    return this.#now;
  }

  timer(ms: number, run: () => void, _keepAlive: boolean = false): Timer {
    // What is no number is at once, as it is to setTimeout.
    const entry: Entry = { at: this.#now + (ms > 0 ? Math.ceil(ms) : 0), order: this.#order, run };
    this.#order += 1;
    this.#pending += 1;
    push(this.#heap, entry);
    return { cancel: () => this.#cancel(entry) };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#pending;
  }

  /** When the next timer is due, in epoch milliseconds; undefined where none is. */
  get nextTimerAt(): number | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.run !== undefined) return Number.isFinite(first.at) ? first.at : undefined;
      pop(this.#heap);
    }
    return undefined;
  }

  /**
   * Moves on by `ms`. Timers fire in the order in which they are due, one distinct moment at a time; between moments
   * the work that they started settles, so that timers set on the way fire on the way too.
   */
  advance(ms: number): Promise<void> {
    return this.advanceTo(this.#now + ms);
  }

  /** Moves on to a moment; refuses one that has passed. */
  async advanceTo(moment: number | Date): Promise<void> {
    const target = Number(moment);
    if (!Number.isFinite(target) || target < this.#now) {
      throw new RangeError(`A clock at ${this.#now} cannot move to ${target}; give a finite, later moment.`);
    }
    await this.settle();
    for (let at = this.nextTimerAt; at !== undefined && at <= target; at = this.nextTimerAt) {
      this.#fire(at);
      await this.settle();
    }
    this.#now = Math.max(this.#now, target);
  }

  /** Moves on to the next timer, however far off; false where there is none. */
  async advanceToNext(): Promise<boolean> {
    await this.settle();
    const at = this.nextTimerAt;
    if (at === undefined) return false;
    this.#fire(at);
    await this.settle();
    return true;
  }

  /**
   * Moves on from timer to timer until `promise` is settled, and settles as it does. For what takes its time on the
   * clock, such as a drain, or requests that wait for company. Rejects where it is not settled after `maxMs`. Work that
   * does real input and output needs real time: give it some before each timer with `realMs`.
   *
   * @example
   * const letters = await clock.until(queue.deadLetters("emails").list());
   */
  async until<T>(
    promise: Promise<T>,
    { maxMs = YEAR_MS, realMs = 0 }: { readonly maxMs?: number; readonly realMs?: number } = {},
  ): Promise<T> {
    const end = this.#now + maxMs;
    let isSettled = false;
    const onSettled = (): void => {
      isSettled = true;
    };
    promise.then(onSettled, onSettled);
    for (;;) {
      await this.settle();
      if (isSettled) return promise;
      if (this.#now >= end) throw new Error(`Not settled after ${maxMs} ms on the clock.`);
      for (let spent = 0; spent < realMs && !isSettled; spent += REAL_MS) await realTime();
      // Where no timer is left, it can only be something that takes real time.
      if (!isSettled && !(await this.advanceToNext())) await realTime();
    }
  }

  /**
   * Lets work that needs no time run until it is quiet. One round is a turn of the event loop: every promise
   * callback and every immediate that was set before it. There is one round at least, and another for as long as
   * immediates are pending, up to a thousand. A round takes some two microseconds; quiet work costs one.
   * Sockets, files and threads are not waited for.
   */
  async settle(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (!process.getActiveResourcesInfo().includes("Immediate")) return;
    }
  }

  /** Fires what is due by now; what these set for the same moment waits until the work has settled. */
  #fire(at: number): void {
    this.#now = Math.max(this.#now, at);
    const due: Entry[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.at <= at; first = this.#heap[0]) {
      due.push(first);
      pop(this.#heap);
    }
    try {
      for (let entry = due.shift(); entry !== undefined; entry = due.shift()) {
        const { run } = entry;
        if (run === undefined) continue;
        entry.run = undefined;
        this.#pending -= 1;
        run();
      }
    } finally {
      // One that throws is who turns the clock's to hear of; the others are due still.
      for (const entry of due) push(this.#heap, entry);
    }
  }

  #cancel(entry: Entry): void {
    if (entry.run === undefined) return;
    entry.run = undefined;
    this.#pending -= 1;
    if (this.#heap.length < COMPACT_FROM || this.#pending * 2 > this.#heap.length) return;
    const live = this.#heap.filter(({ run }) => run !== undefined);
    this.#heap = [];
    for (const one of live) push(this.#heap, one);
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.length;
  heap.push(entry);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Entry;
    if (isBefore(above, entry)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  const size = heap.length;
  if (last === undefined || size === 0) return;
  let index = 0;
  for (let child = 1; child < size; child = index * 2 + 1) {
    if (child + 1 < size && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
    const below = heap[child] as Entry;
    if (isBefore(last, below)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
