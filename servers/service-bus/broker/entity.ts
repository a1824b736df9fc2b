import type { QueueSettings } from "../options.ts";
import { type Consumer, Consumers, type DeliveryHost } from "./consumers.ts";
import { Contents } from "./contents.ts";
import { Duplicates } from "./duplicates.ts";
import { Locks } from "./locks.ts";
import {
  acceptedMessage,
  type BrokerMessage,
  bytesOf,
  deadLetterProperties,
  type Properties,
  type SentMessage,
  type SettleOutcome,
} from "./message.ts";
import { refusals } from "./refusal.ts";
import { Sessions } from "./sessions.ts";
import { type EntityContext, ignoreStoreError } from "./store.ts";
import { MessageTimers } from "./timers.ts";

/**
 * Bytes of properties up to which a settlement may add to a message: twice of what a sender may set. Service Bus does not
 * document its own limit. Without one, a message that is abandoned again and again would grow without end.
 */
const MAX_SETTLED_BYTES = 131_072;
const NEVER: number = Number.POSITIVE_INFINITY;

/** A queue, or the dead-letter sub-queue of one: the life of each message in it. */
export class Entity implements DeliveryHost {
  readonly path: string;
  /** The dead-letter sub-queue; `undefined` if this entity is a dead-letter sub-queue. */
  readonly deadLetters: Entity | undefined;
  /** Delivers the messages if the queue requires sessions; otherwise `undefined`. */
  readonly sessions: Sessions | undefined;
  /** Delivers the messages if the entity has no sessions. */
  readonly consumers: Consumers;
  readonly duplicates: Duplicates;
  readonly contents: Contents;
  settings: QueueSettings;
  readonly #context: EntityContext;
  readonly #locks = new Locks();
  readonly #timers: MessageTimers;
  #hasEnded = false;

  constructor(path: string, settings: QueueSettings, context: EntityContext, deadLetters?: Entity) {
    this.path = path;
    this.settings = settings;
    this.deadLetters = deadLetters;
    this.#context = context;
    this.contents = new Contents(path, context);
    this.#timers = new MessageTimers(context.timers);
    const isQueue = deadLetters !== undefined;
    this.duplicates = new Duplicates(isQueue ? settings.duplicateDetectionWindowMs : 0);
    this.consumers = new Consumers(this);
    this.sessions = isQueue && settings.requiresSession ? new Sessions(this, context) : undefined;
  }

  /**
   * Accepts messages, all or none. A message whose id was seen within the window is dropped without an error, as
   * Service Bus does.
   * @throws Refusal `amqp:resource-limit-exceeded` if the queue is full, `amqp:not-found` if it was removed
   */
  enqueue(messages: readonly SentMessage[]): BrokerMessage[] {
    this.assertRoom();
    const now = this.#context.timers.now();
    const accepted: BrokerMessage[] = [];
    const ids: string[] = [];
    try {
      for (const sent of messages) {
        if (this.duplicates.isRepeated(sent.messageId, now)) continue;
        ids.push(sent.messageId);
        const message = acceptedMessage(sent, this.contents.nextSequence(), now);
        accepted.push(message);
        this.#keep(message);
        // After the message: if the server is killed between the two, a repeated send must not be dropped as a duplicate.
        if (this.settings.duplicateDetectionWindowMs > 0)
          this.#context.store.seen(this.path, sent.messageId, now);
      }
    } catch (error) {
      // The batch is refused, so its ids must not make a repeated send a duplicate.
      for (const id of ids) this.duplicates.forget(id);
      for (const message of accepted) ignoreStoreError(() => this.#remove(message));
      throw error;
    }
    // The messages are stored, so a failed delivery does not make the send fail.
    ignoreStoreError(() => this.consumers.pump());
    return accepted;
  }

  /** @throws Refusal `amqp:resource-limit-exceeded` if the queue is full, `amqp:not-found` if it was removed */
  assertRoom(): void {
    this.#assertExists();
    if (this.#bytes > this.settings.maxSizeMegabytes * 1_048_576)
      throw refusals.full(this.path, this.settings.maxSizeMegabytes);
  }

  /**
   * Cancels scheduled messages.
   * @throws Refusal `com.microsoft:message-not-found` if one of them is not scheduled; the others are cancelled
   */
  cancel(sequences: readonly number[]): void {
    this.#assertExists();
    let missing: number | undefined;
    for (const sequence of sequences) {
      const message = this.contents.get(sequence);
      if (message?.state === "scheduled") this.#remove(message);
      else missing = sequence;
    }
    if (missing !== undefined) throw refusals.messageNotFound(missing);
  }

  /** @throws Refusal `com.microsoft:message-lock-lost`, or `amqp:not-allowed` for a dead letter of a dead letter */
  settle(token: string, outcome: SettleOutcome): void {
    this.#assertExists();
    const message = this.#locks.heldBy(token);
    if (outcome.kind === "complete") return this.#remove(message);
    if (outcome.kind === "dead_letter" && this.deadLetters === undefined)
      throw refusals.notAllowed("A message of a dead-letter queue cannot be dead-lettered.");
    const bare = this.#context.setProperties(message.bare, outcome.properties, MAX_SETTLED_BYTES);
    this.contents.replaceBare(message, bare);
    if (outcome.kind === "dead_letter")
      return this.#deadLetter(message, deadLetterProperties(outcome.reason, outcome.description));
    if (outcome.kind === "defer") {
      message.state = "deferred";
      // A deferral counts as a delivery, and never dead-letters the message.
      message.deliveryCount += 1;
    }
    this.fail(message, outcome.kind === "abandon");
    this.consumers.pump();
  }

  /**
   * Extends a lock. Returns its new expiry, in epoch milliseconds.
   * @throws Refusal `com.microsoft:message-lock-lost`
   */
  renew(token: string): number {
    this.#assertExists();
    const message = this.#locks.heldBy(token);
    const until = this.#context.timers.now() + this.settings.lockDurationMs;
    if (message.lock !== undefined) message.lock.until = until;
    this.contents.changed(message);
    if (this.sessions === undefined) this.#setLockTimer(message);
    return until;
  }

  /**
   * Locks deferred messages, or removes them if `deletes`.
   * @throws Refusal `com.microsoft:message-not-found` if one of them is not deferred or is locked,
   * `amqp:link:message-size-exceeded` if they have more than `maxBytes` and are several
   */
  takeDeferred(sequences: readonly number[], deletes: boolean, maxBytes: number): BrokerMessage[] {
    this.#assertExists();
    const messages = [...new Set(sequences)].map((sequence) => {
      const message = this.contents.get(sequence);
      if (message?.state !== "deferred" || message.lock !== undefined)
        throw refusals.messageNotFound(sequence);
      return message;
    });
    const bytes = messages.reduce((sum, message) => sum + bytesOf(message), 0);
    if (bytes > maxBytes && messages.length > 1) throw refusals.tooLarge(bytes, maxBytes);
    for (const message of messages) {
      if (deletes) this.#remove(message);
      else this.#lock(message);
    }
    return messages;
  }

  /** Adds a message that the store has kept. A message lock stays valid. A session lock has ended with its link. */
  restore(message: BrokerMessage): void {
    this.contents.restore(message);
    if (message.lock === undefined) this.#place(message);
    else if (this.sessions === undefined) {
      this.#locks.resume(message);
      this.#setLockTimer(message);
    } else {
      this.fail(message, true);
    }
  }

  /** Ends a delivery. The message gets its place back. `counts` is true if the delivery counts as failed. */
  fail(message: BrokerMessage, counts: boolean): void {
    if (this.#hasEnded) return;
    this.#unlock(message);
    if (counts) message.deliveryCount += 1;
    const { maxDeliveryCount } = this.settings;
    if (counts && this.deadLetters !== undefined && message.deliveryCount >= maxDeliveryCount) {
      const text = `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`;
      return this.#deadLetter(message, deadLetterProperties("MaxDeliveryCountExceeded", text));
    }
    try {
      this.contents.changed(message);
    } finally {
      // Also if the store failed, because the message is no longer locked.
      this.#place(message);
    }
  }

  /** Whether a message can be delivered now. A message that has expired is removed or dead-lettered. */
  isReady(message: BrokerMessage): boolean {
    if (!this.contents.has(message) || message.state !== "active" || message.lock !== undefined) return false;
    if (this.#expiresAt(message) > this.#context.timers.now()) return true;
    this.#expire(message);
    return false;
  }

  deliver(message: BrokerMessage, consumer: Consumer): void {
    if (consumer.deletes) this.#remove(message);
    else this.#lock(message);
    consumer.deliver(message);
  }

  end(): void {
    this.#hasEnded = true;
    this.#timers.end();
    this.sessions?.end();
    this.consumers.end(refusals.notFound(this.path));
    this.contents.clear();
  }

  /** Links outlive their queue. A removed queue refuses everything, also if another queue has its name now. */
  #assertExists(): void {
    if (this.#hasEnded) throw refusals.notFound(this.path);
  }

  #keep(message: BrokerMessage): void {
    this.contents.put(message);
    this.#place(message);
  }

  #remove(message: BrokerMessage): void {
    this.#unlock(message);
    this.contents.remove(message);
  }

  /** Sets the timer of a message that is not locked, and makes it ready for delivery if it is active. */
  #place(message: BrokerMessage): void {
    if (message.state === "deferred") return;
    if (message.state === "scheduled")
      return this.#timers.set(message, message.scheduledAt ?? 0, () => this.#activate(message));
    const expiresAt = this.#expiresAt(message);
    if (expiresAt !== NEVER)
      this.#timers.set(message, expiresAt, () => {
        if (message.lock === undefined) this.#expire(message);
      });
    if (this.sessions === undefined) this.consumers.add(message);
    else this.sessions.add(message);
  }

  /**
   * Enqueues a scheduled message that is due, under a new sequence number. The new message is stored before the old one
   * is removed: a server that is killed between the two has the message twice, and does not lose it.
   */
  #activate(message: BrokerMessage): void {
    const sequence = this.contents.nextSequence();
    this.#keep({ ...message, sequence, enqueuedAt: this.#context.timers.now(), state: "active" });
    ignoreStoreError(() => this.#remove(message));
    ignoreStoreError(() => this.consumers.pump());
  }

  #lock(message: BrokerMessage): void {
    const until = this.sessions?.hold(message) ?? this.#context.timers.now() + this.settings.lockDurationMs;
    this.#locks.take(message, until);
    if (this.sessions === undefined) this.#setLockTimer(message);
    this.contents.changed(message);
  }

  #setLockTimer(message: BrokerMessage): void {
    this.#timers.set(message, message.lock?.until ?? 0, () => {
      // A lock that ended but could not be stored has expired after a restart too.
      ignoreStoreError(() => this.fail(message, true));
      ignoreStoreError(() => this.consumers.pump());
    });
  }

  #unlock(message: BrokerMessage): void {
    this.#locks.release(message);
    this.#timers.cancel(message);
    this.sessions?.unhold(message);
  }

  /** Moves a message to the dead-letter sub-queue, under the same sequence number. */
  #deadLetter(message: BrokerMessage, properties: Properties): void {
    const { deadLetters } = this;
    if (deadLetters === undefined) return;
    const bare = this.#context.setProperties(message.bare, properties);
    try {
      deadLetters.#keep({ ...message, bare, state: "active", lock: undefined });
    } catch (error) {
      this.#place(message);
      throw error;
    }
    this.#remove(message);
    deadLetters.consumers.pump();
  }

  #expire(message: BrokerMessage): void {
    if (this.settings.deadLetterOnExpiration && this.deadLetters !== undefined) {
      const text = "The message expired and was dead lettered.";
      this.#deadLetter(message, deadLetterProperties("TTLExpiredException", text));
    } else this.#remove(message);
  }

  /** Size of everything that the queue keeps: its messages, its dead letters and the states of its sessions. */
  get #bytes(): number {
    return this.contents.bytes + (this.deadLetters?.contents.bytes ?? 0) + (this.sessions?.stateBytes ?? 0);
  }

  /** Expiry in epoch milliseconds. Dead letters never expire. */
  #expiresAt({ enqueuedAt, ttlMs = NEVER }: BrokerMessage): number {
    if (this.deadLetters === undefined) return NEVER;
    return enqueuedAt + Math.min(ttlMs, this.settings.timeToLiveMs);
  }
}
