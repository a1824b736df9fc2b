import { Deque } from "./deque.ts";
import type { StoredMessage } from "./message.ts";

const COMPACT_FROM = 1_024;

/** Drops messages, leased ones included, that have been in the queue for longer than its retention. */
export class Retention {
  readonly #retentionMs: number;
  /** In order of arrival, which is the order of their expiry. */
  readonly #messages = new Deque<StoredMessage>();

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs;
  }

  /** @param alive the number of messages in the queue, so that the list can be compacted once most entries have gone */
  add(message: StoredMessage, alive: number): void {
    this.#messages.push(message);
    if (this.#messages.length > COMPACT_FROM && this.#messages.length > alive * 2) {
      this.#messages.keep(({ state }) => state !== "gone");
    }
  }

  expire(now: number, drop: (message: StoredMessage) => void): void {
    for (let first = this.#messages.peek(); first !== undefined; first = this.#messages.peek()) {
      if (first.state !== "gone" && first.enqueuedAt + this.#retentionMs > now) return;
      this.#messages.shift();
      if (first.state !== "gone") drop(first);
    }
  }
}
