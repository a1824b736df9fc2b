import { Deque } from "./deque.ts";
import type { StoredMessage } from "./message.ts";

const COMPACT_FROM = 1_024;

/** Drops messages that have been in the queue for longer than the provider keeps them, leased ones too. */
export class Retention {
  readonly #retentionMs: number;
  /** In order of arrival, which is the order of their end. */
  readonly #messages = new Deque<StoredMessage>();

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs;
  }

  /** `alive` is the number of messages in the queue: once most of what is listed here has gone, it is swept out. */
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
