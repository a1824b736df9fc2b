import type { Clock, Timer } from "./clock.ts";
import { atEndOfTick } from "./end-of-tick.ts";

/** How items are gathered. */
export interface BatcherOptions<Item> {
  /** Items in one call. */
  readonly maxItems: number;
  /** Bytes in one call. An item that is larger by itself goes alone. */
  readonly maxBytes: number;
  readonly bytesOf: (item: Item) => number;
  /** Calls that may be in flight at once. */
  readonly maxCalls: number;
  /** Whether items gather while calls are in flight: of no use where those of one call share no request. @default true */
  readonly gathers?: boolean | undefined;
  /** How long a first item is to wait for others where nothing is in flight; a call's worth never waits. @default 0 */
  readonly lingerMs?: () => number;
  /** Needed to linger, and to go round a call that is stuck. */
  readonly clock?: Clock;
  /** Carries out one call. It settles its items itself and never rejects. */
  readonly run: (items: Item[]) => Promise<void>;
}

/** Calls in flight that have not come back for this long are not waited for where another one may be made. */
const STUCK_MS = 250;

/**
 * Coalesces single items into calls. What is added while nothing is in flight goes out at the end of the running
 * tick, together with all else that the tick added; while calls are in flight, items gather until one returns or
 * a call's worth is there. So a lone item never waits, and a crowd shares its requests.
 */
export class Batcher<Item> {
  readonly #options: BatcherOptions<Item>;
  #queued: Item[] = [];
  /** Where in `#queued` those begin that have not been taken. */
  #head = 0;
  #bytes = 0;
  #inFlight = 0;
  #scheduled = false;
  #lingering: Timer | undefined;
  #stuck: Timer | undefined;
  #flushing = false;
  #idle: (() => void)[] = [];

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

  /** Whether nothing is queued and nothing is in flight. */
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
    // What promise callbacks of this tick add travels along.
    atEndOfTick(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  /** Nothing waits long for what is in flight: a call that is stuck would hold up everybody. */
  #waitNoLonger(): void {
    const { clock, maxCalls } = this.#options;
    if (clock === undefined || this.#inFlight >= maxCalls || this.#stuck !== undefined) return;
    this.#stuck = clock.timer(STUCK_MS, () => {
      this.#stuck = undefined;
      if (this.#waiting > 0 && this.#inFlight < maxCalls) this.#call();
      this.#dispatch();
    });
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

  /** Whether what waits may go although calls are in flight. */
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
    // Now and then, rather than at each call: what has been taken is let go.
    if (this.#head > 1_024 && this.#head * 2 > this.#queued.length) {
      this.#queued = this.#queued.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }
}
