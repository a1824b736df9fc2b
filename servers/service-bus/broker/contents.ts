import { withProperties } from "../amqp/sections.ts";
import type { StoredMessage } from "./message.ts";
import type { Store } from "./store.ts";

/** What one entity holds, by number; every change of it is told to the store. */
export class Contents {
  readonly #path: string;
  readonly #surroundings: { readonly store: Store };
  readonly #messages = new Map<number, StoredMessage>();
  #bytes = 0;
  #lastSequence = 0;

  constructor(path: string, surroundings: { readonly store: Store }) {
    this.#path = path;
    this.#surroundings = surroundings;
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

  /** Numbers that were given are never given again. */
  resumeAfter(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  get(sequence: number): StoredMessage | undefined {
    return this.#messages.get(sequence);
  }

  has(message: StoredMessage): boolean {
    return this.#messages.get(message.sequence) === message;
  }

  all(): Iterable<StoredMessage> {
    return this.#messages.values();
  }

  /** From a number on, in order; of one session, where one is named. */
  range(from: number, count: number, session: string | undefined): StoredMessage[] {
    return [...this.#messages.values()]
      .filter(
        ({ sequence, sessionId }) => sequence >= from && (session === undefined || session === sessionId),
      )
      .toSorted((a, b) => a.sequence - b.sequence)
      .slice(0, count);
  }

  /** What cannot be kept is not there. */
  put(message: StoredMessage): void {
    this.#surroundings.store.put(this.#path, message);
    this.restore(message);
  }

  /** One that the store has already. */
  restore(message: StoredMessage): void {
    this.#messages.set(message.sequence, message);
    this.#bytes += message.bare.length;
  }

  /** Its lock, count, state or properties have changed. */
  changed(message: StoredMessage): void {
    this.#surroundings.store.update(this.#path, message);
  }

  setProperties(message: StoredMessage, properties: Readonly<Record<string, unknown>>): void {
    this.#bytes -= message.bare.length;
    message.bare = withProperties(message.bare, properties);
    this.#bytes += message.bare.length;
  }

  remove(message: StoredMessage): void {
    if (this.#messages.delete(message.sequence)) this.#bytes -= message.bare.length;
    this.#surroundings.store.remove(this.#path, message.sequence);
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}
