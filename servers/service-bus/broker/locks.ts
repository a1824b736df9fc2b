import { randomUUID } from "node:crypto";
import type { BrokerMessage } from "./message.ts";
import { refusals } from "./refusal.ts";

/** The locked messages of one entity, by lock token. */
export class Locks {
  readonly #held = new Map<string, BrokerMessage>();

  take(message: BrokerMessage, until: number): void {
    message.lock = { token: randomUUID(), until };
    this.resume(message);
  }

  /** Registers a lock that was read from the journal after a restart. */
  resume(message: BrokerMessage): void {
    if (message.lock !== undefined) this.#held.set(message.lock.token, message);
  }

  release(message: BrokerMessage): void {
    if (message.lock !== undefined) this.#held.delete(message.lock.token);
    message.lock = undefined;
  }

  /** @throws Refusal `com.microsoft:message-lock-lost` if no message has this lock token */
  heldBy(token: string): BrokerMessage {
    const message = this.#held.get(token);
    if (message === undefined) throw refusals.lockLost();
    return message;
  }
}
