import { type BrokerMessage, bytesOf } from "./message.ts";
import type { Store } from "./store.ts";

/** The messages of one entity by sequence number. Every change is passed to the store. */
export class Contents {
  readonly #path: string;
  /** The store is read at each change, because a namespace gets its store after the journal was read. */
  readonly #context: { readonly store: Store };
  readonly #messages = new Map<number, BrokerMessage>();
  #bytes = 0;
  #lastSequence = 0;

  constructor(path: string, context: { readonly store: Store }) {
    this.#path = path;
    this.#context = context;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get counts(): { readonly active: number; readonly scheduled: number; readonly bytes: number } {
    let [active, scheduled] = [0, 0];
    for (const { state } of this.#messages.values()) {
      if (state === "scheduled") scheduled += 1;
      else if (state === "active") active += 1;
    }
    return { active, scheduled, bytes: this.#bytes };
  }

  nextSequence(): number {
    return (this.#lastSequence += 1);
  }

  /** Continues after a sequence number that was used before a restart. Sequence numbers are never used twice. */
  resumeAfter(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  get(sequence: number): BrokerMessage | undefined {
    return this.#messages.get(sequence);
  }

  has(message: BrokerMessage): boolean {
    return this.#messages.get(message.sequence) === message;
  }

  all(): Iterable<BrokerMessage> {
    return this.#messages.values();
  }

  /** Messages in order, starting at a sequence number; only those of `session` if one is given. */
  range(from: number, count: number, session: string | undefined): BrokerMessage[] {
    return [...this.#messages.values()]
      .filter(
        ({ sequence, sessionId }) => sequence >= from && (session === undefined || session === sessionId),
      )
      .toSorted((a, b) => a.sequence - b.sequence)
      .slice(0, count);
  }

  /** Stores and adds a message. If the store throws, the message is not added. */
  put(message: BrokerMessage): void {
    this.#context.store.put(this.#path, message);
    this.restore(message);
  }

  /** Adds a message that is in the store already. */
  restore(message: BrokerMessage): void {
    this.#messages.set(message.sequence, message);
    this.#bytes += bytesOf(message);
  }

  /** Stores a message whose lock, delivery count, state or properties have changed. */
  changed(message: BrokerMessage): void {
    this.#context.store.update(this.#path, message);
  }

  /** Replaces the content of a message. {@link changed} has to follow. */
  replaceBare(message: BrokerMessage, bare: Buffer): void {
    this.#bytes += bare.length - message.bare.length;
    message.bare = bare;
  }

  remove(message: BrokerMessage): void {
    if (this.#messages.delete(message.sequence)) this.#bytes -= bytesOf(message);
    this.#context.store.remove(this.#path, message.sequence);
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}
