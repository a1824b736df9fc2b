import { randomUUID } from "node:crypto";
import type { StoredMessage } from "./message.ts";
import { refusals } from "./refusal.ts";

/** The messages of one entity that are held, by the token of the hold. */
export class Locks {
  readonly #held = new Map<string, StoredMessage>();

  take(message: StoredMessage, until: number): void {
    message.lock = { token: randomUUID(), until };
    this.resume(message);
  }

  /** A lock that has outlived its server. */
  resume(message: StoredMessage): void {
    if (message.lock !== undefined) this.#held.set(message.lock.token, message);
  }

  release(message: StoredMessage): void {
    if (message.lock !== undefined) this.#held.delete(message.lock.token);
    message.lock = undefined;
  }

  /** @throws Refusal where the lock is lost */
  heldBy(token: string): StoredMessage {
    const message = this.#held.get(token);
    if (message === undefined) throw refusals.lockLost();
    return message;
  }
}
