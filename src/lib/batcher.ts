import { inThisContext } from "./async-context.ts";
import type { Clock, Timer } from "./clock.ts";
import { atEndOfTick } from "./end-of-tick.ts";

/** Limits and timing of a {@link Batcher}. */
export interface BatcherOptions<Item> {
  /** Items in one call. */
  readonly maxItems: number;
  /** Bytes in one call. A larger item is sent alone. */
  readonly maxBytes: number;
  readonly bytesOf: (item: Item) => number;
  /** Calls that may be in flight at once. */
  readonly maxCalls: number;
  /** Whether items gather while calls are in flight. Useless if the items of a call do not share a request. @default true */
  readonly gathers?: boolean | undefined;
  /** Milliseconds that a first item waits for others while nothing is in flight. A full call never waits. @default 0 */
  readonly lingerMs?: () => number;
  /** Needed for lingering, and for bypassing a call that is stuck. */
  readonly clock?: Clock;
  /** Carries out one call. It settles its items itself and never rejects. */
  readonly run: (items: Item[]) => Promise<void>;
}

/** Items stop waiting for calls in flight after this long, if another call may be made. */
const STUCK_MS = 250;

/**
 * Coalesces single items into calls. Items that are added while nothing is in flight go out together at the end of the
 * current tick. While calls are in flight, items gather until one returns or a full call is there. A lone item thus never
 * waits, and many items share requests. Calls are made in the asynchronous context in which the batcher was created, since
 * the items of one call belong to many.
 */
export class Batcher<Item> {
  readonly #options: BatcherOptions<Item>;
  #queued: Item[] = [];
  /** Index of the first item in `#queued` that has not been taken. */
  #head = 0;
  #bytes = 0;
  #inFlight = 0;
  #scheduled = false;
  #lingering: Timer | undefined;
  #stuck: Timer | undefined;
  #flushing = false;
  #idle: (() => void)[] = [];
  readonly #dispatchLater = inThisContext(() => {
    this.#scheduled = false;
    this.#dispatch();
  });
  readonly #dispatchStuck = inThisContext(() => {
    this.#stuck = undefined;
    const { maxCalls } = this.#options;
    if (this.#waiting > 0 && this.#inFlight < maxCalls) this.#call();
    this.#dispatch();
  });

  constructor(options: BatcherOptions<Item>) {
    this.#options = options;
  }

  add(item: Item): void {
    this.#queued.push(item);
    this.#bytes += this.#options.bytesOf(item);
    if (this.#scheduled) return;
    if (this.#ready) this.#schedule();
    else if (this.#inFlight === 0) this.#scheduleOrLinger();
    else this.#waitNoLonger();
  }

  /** True if nothing is queued and nothing is in flight. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#waiting === 0;
  }

  /** Resolves when everything that was added has been carried out. */
  flush(): Promise<void> {
    if (this.idle) return Promise.resolve();
    this.#flushing = true;
    if (!this.#scheduled) this.#schedule();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #scheduleOrLinger(): void {
    const { clock, lingerMs } = this.#options;
    const ms = this.#flushing ? 0 : (lingerMs?.() ?? 0);
    if (clock === undefined || ms === 0) this.#schedule();
    else this.#lingering ??= clock.timer(ms, () => this.#schedule(), true);
  }

  #schedule(): void {
    this.#lingering?.cancel();
    this.#lingering = undefined;
    this.#scheduled = true;
    // Items that promise callbacks of this tick add are included.
    atEndOfTick(this.#dispatchLater);
  }

  /** Bounds the wait for calls in flight: a call that is stuck would hold up every item. */
  #waitNoLonger(): void {
    const { clock, maxCalls } = this.#options;
    if (clock === undefined || this.#inFlight >= maxCalls || this.#stuck !== undefined) return;
    this.#stuck = clock.timer(STUCK_MS, this.#dispatchStuck);
  }

  #call(): void {
    this.#stuck?.cancel();
    this.#stuck = undefined;
    this.#inFlight += 1;
    void this.#options.run(this.#take()).then(() => {
      this.#inFlight -= 1;
      this.#dispatch();
    });
  }

  /** Whether waiting items may go although calls are in flight. */
  get #ready(): boolean {
    const { maxItems, maxBytes, maxCalls, gathers = true } = this.#options;
    return this.#inFlight < maxCalls && (!gathers || this.#waiting >= maxItems || this.#bytes >= maxBytes);
  }

  #dispatch(): void {
    while (this.#waiting > 0 && (this.#inFlight === 0 || this.#ready)) this.#call();
    if (this.#waiting > 0) this.#waitNoLonger();
    if (this.idle && this.#idle.length > 0) {
      this.#flushing = false;
      const waiting = this.#idle;
      this.#idle = [];
      for (const resolve of waiting) resolve();
    }
  }

  get #waiting(): number {
    return this.#queued.length - this.#head;
  }

  /** The longest prefix that fits one call. */
  #take(): Item[] {
    const { maxItems, maxBytes, bytesOf } = this.#options;
    if (this.#waiting <= maxItems && this.#bytes <= maxBytes) {
      const all = this.#head === 0 ? this.#queued : this.#queued.slice(this.#head);
      this.#queued = [];
      this.#head = 0;
      this.#bytes = 0;
      return all;
    }
    const from = this.#head;
    let bytes = 0;
    for (; this.#head < this.#queued.length && this.#head - from < maxItems; this.#head += 1) {
      const next = bytesOf(this.#queued[this.#head] as Item);
      if (this.#head > from && bytes + next > maxBytes) break;
      bytes += next;
    }
    this.#bytes -= bytes;
    const taken = this.#queued.slice(from, this.#head);
    // Taken items are released now and then, which is cheaper than at each call.
    if (this.#head > 1_024 && this.#head * 2 > this.#queued.length) {
      this.#queued = this.#queued.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }
}
