import type { Clock, Timer } from "../lib/clock.ts";
import { type Duration, durationMs, optionalMs } from "../lib/duration.ts";
import { DeadLetterQueue, decode, pumpUntilStopped, receiveQueue } from "../client/receive-parts.ts";
import { preloadReceive } from "../client/lazy-receive.ts";
import { REAL_MS, realTime } from "./real-work.ts";

// Loaded here, since loading a file takes real time, and the clock does not move meanwhile.
preloadReceive({ DeadLetterQueue, decode, pumpUntilStopped, receiveQueue });

/** The options of a {@link FakeClock}. */
export interface FakeClockOptions {
  /** The time at which the clock starts: epoch milliseconds, or a Date. @default 2026-01-01T00:00:00.000Z */
  readonly start?: number | Date | undefined;
}

const DEFAULT_START = Date.UTC(2026, 0, 1);
/** Differs from every time of day, so that code that mistakes one reading for the other fails in tests. */
const MONOTONIC_START = 1_000;
/** Rounds after which {@link FakeClock.settle} returns. Work that still sets immediates then does so forever. */
const MAX_ROUNDS = 1_000;
/** Size of the heap from which cancelled timers are removed from it. */
const COMPACT_FROM = 64;
const YEAR_MS = 31_536_000_000;

interface FakeTimer {
  /** The time at which the timer is due, in milliseconds of the monotonic clock. */
  readonly at: number;
  /** Timers that are due at the same time fire in the order in which they were set. */
  readonly order: number;
  /** Undefined after the timer has fired or was cancelled. */
  run: (() => void) | undefined;
}

/**
 * A clock for tests. It stands still until the test advances it. There are no real timers: hours pass in microseconds,
 * and a pending timer does not keep the process alive.
 *
 * @example
 * const clock = new FakeClock();
 * const queue = createQueue(memory({ clock }));
 * await queue.sendDelayed("emails", message, { days: 3 });
 * await clock.advance("3 days");
 */
export class FakeClock implements Clock {
  /** The monotonic clock. */
  #now = MONOTONIC_START;
  /** The time of day minus the monotonic clock. */
  #wallMs: number;
  #heap: FakeTimer[] = [];
  #order = 0;
  #pending = 0;

  /** @throws RangeError when `start` is not finite */
  constructor({ start = DEFAULT_START }: FakeClockOptions = {}) {
    if (!Number.isFinite(Number(start)))
      throw new RangeError(`A FakeClock starts at a valid time; got ${Number(start)}.`);
    this.#wallMs = Number(start) - MONOTONIC_START;
  }

  /** Returns the time of day of the clock, in epoch milliseconds. */
  now(): number {
    return this.#now + this.#wallMs;
  }

  /** Returns the milliseconds of the monotonic clock, which {@link setTime} does not change. */
  monotonic(): number {
    return this.#now;
  }

  /**
   * Sets the time of day, also to an earlier one, as an administrator or a time service does. No time passes: no timer
   * fires, and the monotonic clock stays as it is.
   *
   * @throws RangeError when the time is not finite
   *
   * @example
   * clock.setTime(clock.now() - 3_600_000); // an hour back
   */
  setTime(moment: number | Date): void {
    if (!Number.isFinite(Number(moment)))
      throw new RangeError(`A FakeClock is set to a valid time; got ${Number(moment)}.`);
    this.#wallMs = Number(moment) - this.#now;
  }

  /** Calls `run` when the clock has been advanced by `ms`, rounded up to a whole number. */
  timer(ms: number, run: () => void, _keepAlive: boolean = false): Timer {
    // NaN counts as 0, as it does in setTimeout.
    const timer: FakeTimer = { at: this.#now + (ms > 0 ? Math.ceil(ms) : 0), order: this.#order, run };
    this.#order += 1;
    this.#pending += 1;
    push(this.#heap, timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /**
   * The number of timers that have neither fired nor been cancelled.
   *
   * @example
   * assert.equal(clock.pending, 0, "no timer is left behind");
   */
  get pending(): number {
    return this.#pending;
  }

  /** The time at which the next timer is due, in epoch milliseconds; undefined if there is none. */
  get nextTimerAt(): number | undefined {
    const at = this.#nextAt;
    return at === undefined ? undefined : at + this.#wallMs;
  }

  /** The time of the next timer, in milliseconds of the monotonic clock. */
  get #nextAt(): number | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.run !== undefined) return Number.isFinite(first.at) ? first.at : undefined;
      pop(this.#heap);
    }
    return undefined;
  }

  /**
   * Advances the clock by a duration. Timers fire in the order in which they are due. After each time at which
   * timers fired, the work that they started settles, so that timers that it sets fire as well.
   *
   * @throws RangeError when the duration is negative, not finite, or of another shape
   *
   * @example
   * await clock.advance("5m");
   */
  async advance(duration: Duration): Promise<void> {
    const ms = durationMs(duration);
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY))
      throw new RangeError(`A clock advances by a finite duration of 0 or more milliseconds; got ${ms}.`);
    await this.#moveTo(this.#now + ms);
  }

  /**
   * Advances the clock to a time, as {@link advance} does.
   *
   * @throws RangeError when the time has passed or is not finite
   *
   * @example
   * await clock.advanceTo(new Date("2026-01-04"));
   */
  async advanceTo(moment: number | Date): Promise<void> {
    if (!Number.isFinite(Number(moment)) || Number(moment) < this.now()) {
      throw new RangeError(
        `A clock at ${this.now()} cannot move to ${Number(moment)}; give a finite, later time.`,
      );
    }
    await this.#moveTo(Number(moment) - this.#wallMs);
  }

  async #moveTo(target: number): Promise<void> {
    await this.settle();
    for (let at = this.#nextAt; at !== undefined && at <= target; at = this.#nextAt) {
      this.#fire(at);
      await this.settle();
    }
    this.#now = Math.max(this.#now, target);
  }

  /**
   * Advances the clock to the time at which the next timer is due. Resolves false if there is no timer.
   *
   * @example
   * while (await clock.advanceToNext()) console.log(clock.now());
   */
  async advanceToNext(): Promise<boolean> {
    await this.settle();
    const at = this.#nextAt;
    if (at === undefined) return false;
    this.#fire(at);
    await this.settle();
    return true;
  }

  /**
   * Advances the clock from timer to timer until `promise` is settled, and settles as the promise does. Use it for work
   * that takes time on the clock, such as a drain. Work that does real input and output needs real time: `realMs` is
   * the number of real milliseconds to wait before each timer, by default 0.
   *
   * @throws Error when the promise is not settled after `maxMs` milliseconds on the clock, by default a year
   *
   * @example
   * const found = await clock.until(queue.deadLetters("emails").list());
   */
  async until<T>(
    promise: Promise<T>,
    options: { readonly maxMs?: Duration; readonly realMs?: Duration } = {},
  ): Promise<T> {
    const maxMs = optionalMs(options.maxMs) ?? YEAR_MS;
    const realMs = optionalMs(options.realMs) ?? 0;
    if (!(maxMs >= 0 && realMs >= 0)) {
      throw new RangeError("until takes durations of 0 or more milliseconds as maxMs and realMs.");
    }
    const end = this.#now + maxMs;
    let isSettled = false;
    const onSettled = (): void => {
      isSettled = true;
    };
    promise.then(onSettled, onSettled);
    for (;;) {
      await this.settle();
      if (isSettled) return promise;
      if (this.#now >= end) throw new Error(`The promise is not settled after ${maxMs} ms on the clock.`);
      for (let spent = 0; spent < realMs && !isSettled; spent += REAL_MS) await realTime();
      // Without a timer, the promise can only wait for real input and output.
      if (!isSettled && !(await this.advanceToNext())) await realTime();
    }
  }

  /**
   * Lets work that needs no time run until it is idle. One round is a turn of the event loop: it runs every promise
   * callback, and every immediate that was set before it. There is at least one round, and another one while immediates
   * are pending, up to 1,000. A round takes about 2 microseconds. Does not wait for sockets, files and threads.
   *
   * @example
   * await clock.settle();
   */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (!process.getActiveResourcesInfo().includes("Immediate")) return;
    }
  }

  /** Fires the timers that are due at `at`. Timers that they set for the same time fire after the work has settled. */
  #fire(at: number): void {
    this.#now = Math.max(this.#now, at);
    const due: FakeTimer[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.at <= at; first = this.#heap[0]) {
      due.push(first);
      pop(this.#heap);
    }
    try {
      for (let timer = due.shift(); timer !== undefined; timer = due.shift()) {
        const { run } = timer;
        if (run === undefined) continue;
        timer.run = undefined;
        this.#pending -= 1;
        run();
      }
    } finally {
      // An error of a timer goes to the caller who advances the clock. The other timers are still due.
      for (const timer of due) push(this.#heap, timer);
    }
  }

  #cancel(timer: FakeTimer): void {
    if (timer.run === undefined) return;
    timer.run = undefined;
    this.#pending -= 1;
    if (this.#heap.length < COMPACT_FROM || this.#pending * 2 > this.#heap.length) return;
    const live = this.#heap.filter(({ run }) => run !== undefined);
    this.#heap = [];
    for (const one of live) push(this.#heap, one);
  }
}

function isBefore(one: FakeTimer, other: FakeTimer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function push(heap: FakeTimer[], timer: FakeTimer): void {
  let index = heap.length;
  heap.push(timer);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as FakeTimer;
    if (isBefore(above, timer)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = timer;
}

function pop(heap: FakeTimer[]): void {
  const last = heap.pop();
  const size = heap.length;
  if (last === undefined || size === 0) return;
  let index = 0;
  for (let child = 1; child < size; child = index * 2 + 1) {
    if (child + 1 < size && isBefore(heap[child + 1] as FakeTimer, heap[child] as FakeTimer)) child += 1;
    const below = heap[child] as FakeTimer;
    if (isBefore(last, below)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
