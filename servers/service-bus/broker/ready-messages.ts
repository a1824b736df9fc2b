import type { BrokerMessage } from "./message.ts";

/**
 * Messages that may be delivered, in order of their sequence number. A message that is returned to the queue gets its
 * old place again.
 *
 * Entries are not removed when a message is locked, settled or expired. {@link first} drops such stale entries when it
 * reaches them, so a message may have several entries. The core's heap of timers is therefore no replacement: there
 * each item has one entry, which is removed at once.
 */
export class ReadyMessages {
  readonly #isReady: (message: BrokerMessage) => boolean;
  /** A binary heap. */
  readonly #heap: BrokerMessage[] = [];

  constructor(isReady: (message: BrokerMessage) => boolean) {
    this.#isReady = isReady;
  }

  /** The first message that can be delivered now. It stays in place until {@link pop}. */
  first(): BrokerMessage | undefined {
    for (let message = this.#heap[0]; message !== undefined; message = this.#heap[0]) {
      if (this.#isReady(message)) return message;
      this.pop();
    }
    return undefined;
  }

  push(message: BrokerMessage): void {
    const heap = this.#heap;
    let at = heap.push(message) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as BrokerMessage).sequence <= message.sequence) break;
      heap[at] = heap[parent] as BrokerMessage;
      at = parent;
    }
    heap[at] = message;
  }

  pop(): BrokerMessage | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.sequence < (heap[child] as BrokerMessage).sequence) child += 1;
      if ((heap[child] as BrokerMessage).sequence >= last.sequence) break;
      heap[at] = heap[child] as BrokerMessage;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
