/** How items are gathered. */
export interface BatcherOptions<Item> {
  /** Items in one call. */
  readonly maxItems: number;
  /** Bytes in one call. An item that is larger by itself goes alone. */
  readonly maxBytes: number;
  readonly bytesOf: (item: Item) => number;
  /** Calls that may be in flight at once. */
  readonly maxCalls: number;
  /** Carries out one call. It settles its items itself and never rejects. */
  readonly run: (items: Item[]) => Promise<void>;
}

/**
 * Coalesces single items into calls. What is added while nothing is in flight goes out at the end of the running
 * tick, together with all else that the tick added; while calls are in flight, items gather until one returns or
 * a call's worth is there. So a lone item never waits, and a crowd shares its requests.
 */
export class Batcher<Item> {
  readonly #options: BatcherOptions<Item>;
  #queued: Item[] = [];
  #bytes = 0;
  #inFlight = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: BatcherOptions<Item>) {
    this.#options = options;
  }

  add(item: Item): void {
    this.#queued.push(item);
    this.#bytes += this.#options.bytesOf(item);
    if (this.#scheduled) return;
    if (this.#inFlight > 0 && !this.#full()) return;
    this.#scheduled = true;
    // After the promise callbacks of this tick, so that what they add travels along.
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  /** Whether nothing is queued and nothing is in flight. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#queued.length === 0;
  }

  /** Resolves when everything that was added has been carried out. */
  flush(): Promise<void> {
    if (this.idle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #full(): boolean {
    const { maxItems, maxBytes, maxCalls } = this.#options;
    return this.#inFlight < maxCalls && (this.#queued.length >= maxItems || this.#bytes >= maxBytes);
  }

  #dispatch(): void {
    while (this.#queued.length > 0 && (this.#inFlight === 0 || this.#full())) {
      this.#inFlight += 1;
      void this.#options.run(this.#take()).then(() => {
        this.#inFlight -= 1;
        this.#dispatch();
      });
    }
    if (this.idle && this.#idle.length > 0) {
      const waiting = this.#idle;
      this.#idle = [];
      for (const resolve of waiting) resolve();
    }
  }

  /** The longest prefix that fits one call. */
  #take(): Item[] {
    const { maxItems, maxBytes, bytesOf } = this.#options;
    const queued = this.#queued;
    if (queued.length <= maxItems && this.#bytes <= maxBytes) {
      this.#queued = [];
      this.#bytes = 0;
      return queued;
    }
    let count = 0;
    let bytes = 0;
    for (; count < queued.length && count < maxItems; count += 1) {
      const next = bytesOf(queued[count] as Item);
      if (count > 0 && bytes + next > maxBytes) break;
      bytes += next;
    }
    this.#bytes -= bytes;
    return queued.splice(0, count);
  }
}
