import { withProperties } from "../amqp/sections.ts";
import type { QueueSettings } from "../options.ts";
import { attempt } from "./attempt.ts";
import { Alarms } from "./alarms.ts";
import { Contents } from "./contents.ts";
import { Duplicates } from "./duplicates.ts";
import { type Consumer, Line } from "./line.ts";
import { Locks } from "./locks.ts";
import { deathNote, type NewMessage, type Settlement, type StoredMessage } from "./message.ts";
import { refusals } from "./refusal.ts";
import { Sessions } from "./sessions.ts";
import type { Store } from "./store.ts";
import type { Timers } from "./timers.ts";

/** What entities share. */
export interface BrokerContext {
  readonly timers: Timers;
  readonly store: Store;
}

const NEVER: number = Number.POSITIVE_INFINITY;

/** A queue, or the dead-letter sub-queue of one: what becomes of each message in it. */
export class Entity {
  readonly path: string;
  /** Undefined for one that is itself such a sub-queue. */
  readonly deadLetters: Entity | undefined;
  /** Where messages are handed out, in one of two ways. */
  readonly sessions: Sessions | undefined;
  readonly line: Line;
  readonly duplicates: Duplicates;
  readonly contents: Contents;
  settings: QueueSettings;
  readonly #surroundings: BrokerContext;
  readonly #locks = new Locks();
  readonly #alarms: Alarms;
  #isOver = false;

  constructor(path: string, settings: QueueSettings, surroundings: BrokerContext, deadLetters?: Entity) {
    this.path = path;
    this.settings = settings;
    this.deadLetters = deadLetters;
    this.#surroundings = surroundings;
    this.contents = new Contents(path, surroundings);
    this.#alarms = new Alarms(surroundings.timers);
    const isQueue = deadLetters !== undefined;
    this.duplicates = new Duplicates(isQueue ? settings.duplicateDetectionWindowMs : 0);
    const host = {
      isReady: (message: StoredMessage) => this.isReady(message),
      hand: (message: StoredMessage, consumer: Consumer) => this.#hand(message, consumer),
    };
    this.line = new Line(host);
    this.sessions = isQueue && settings.requiresSession ? new Sessions(this, host, surroundings) : undefined;
  }

  /** Takes messages in, all or none; repeated ones are dropped in silence, as the service does it. @throws Refusal */
  enqueue(messages: readonly NewMessage[]): StoredMessage[] {
    this.#assertThere();
    const now = this.#surroundings.timers.now();
    if (this.contents.bytes > this.settings.maxSizeMegabytes * 1_048_576)
      throw refusals.full(this.path, this.settings.maxSizeMegabytes);
    const stored: StoredMessage[] = [];
    const ids: string[] = [];
    try {
      for (const message of messages) {
        if (this.duplicates.isRepeated(message.messageId, now)) continue;
        ids.push(message.messageId);
        const admitted = this.#numbered(message, now);
        stored.push(admitted);
        this.#keep(admitted);
        // Not before the message: of a server that is killed in between, it would be dropped when it is sent again.
        if (this.settings.duplicateDetectionWindowMs > 0)
          this.#surroundings.store.seen(this.path, message.messageId, now);
      }
    } catch (error) {
      // What could not be kept is refused, and no repetition when it is sent again.
      for (const id of ids) this.duplicates.forget(id);
      for (const message of stored) attempt(() => this.#remove(message));
      throw error;
    }
    // They are kept, whatever becomes of handing them out.
    attempt(() => this.line.pump());
    return stored;
  }

  /** @throws Refusal where one of them is not scheduled any more; the others are cancelled all the same */
  cancel(sequences: readonly number[]): void {
    this.#assertThere();
    let missing: number | undefined;
    for (const sequence of sequences) {
      const message = this.contents.get(sequence);
      if (message?.state === "scheduled") this.#remove(message);
      else missing = sequence;
    }
    if (missing !== undefined) throw refusals.messageNotFound(missing);
  }

  /** @throws Refusal where the lock is lost */
  settle(token: string, settlement: Settlement): void {
    this.#assertThere();
    const message = this.#locks.heldBy(token);
    if (settlement.kind === "complete") return this.#remove(message);
    if (settlement.kind === "dead_letter" && this.deadLetters === undefined)
      throw refusals.notAllowed("A message of a dead-letter queue cannot be dead-lettered.");
    this.contents.setProperties(message, settlement.properties);
    if (settlement.kind === "dead_letter")
      return this.#bury(message, deathNote(settlement.reason, settlement.description));
    if (settlement.kind === "defer") message.state = "deferred";
    this.fail(message, settlement.kind === "abandon");
    this.line.pump();
  }

  /** Extends the lock; returns until when. @throws Refusal */
  renew(token: string): number {
    this.#assertThere();
    const message = this.#locks.heldBy(token);
    const until = this.#surroundings.timers.now() + this.settings.lockDurationMs;
    if (message.lock !== undefined) message.lock.until = until;
    this.contents.changed(message);
    if (this.sessions === undefined) this.#arm(message);
    return until;
  }

  /** Locks deferred messages, or takes them for good. @throws Refusal where one of them is not there */
  takeDeferred(sequences: readonly number[], deletes: boolean): StoredMessage[] {
    this.#assertThere();
    const messages = sequences.map((sequence) => {
      const message = this.contents.get(sequence);
      if (message?.state !== "deferred" || message.lock !== undefined)
        throw refusals.messageNotFound(sequence);
      return message;
    });
    for (const message of messages) {
      if (deletes) this.#remove(message);
      else this.#lock(message);
    }
    return messages;
  }

  /** Puts back what a store has kept. A lock on a single message goes on; a session's has ended with its link. */
  restore(message: StoredMessage): void {
    this.contents.restore(message);
    if (message.lock === undefined) this.#settleIn(message);
    else if (this.sessions === undefined) {
      this.#locks.resume(message);
      this.#arm(message);
    } else {
      this.fail(message, true);
    }
  }

  /** Ends a delivery, as a failed one or not; the message goes back to its place. */
  fail(message: StoredMessage, counts: boolean): void {
    if (this.#isOver) return;
    this.#unlock(message);
    if (counts) message.deliveryCount += 1;
    const { maxDeliveryCount } = this.settings;
    if (counts && this.deadLetters !== undefined && message.deliveryCount >= maxDeliveryCount) {
      const text = `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`;
      return this.#bury(message, deathNote("MaxDeliveryCountExceeded", text));
    }
    try {
      this.contents.changed(message);
    } finally {
      // Nobody holds it, written down or not.
      this.#settleIn(message);
    }
  }

  /** Whether it can be delivered now. One that has expired is put away. */
  isReady(message: StoredMessage): boolean {
    if (!this.contents.has(message) || message.state !== "active" || message.lock !== undefined) return false;
    if (this.#expiresAt(message) > this.#surroundings.timers.now()) return true;
    this.#expire(message);
    return false;
  }

  end(): void {
    this.#isOver = true;
    this.#alarms.end();
    this.sessions?.end();
    this.line.end(refusals.notFound(this.path));
    this.contents.clear();
  }

  /** Links outlive their queue: one that was removed takes nothing, also where there is another of its name. */
  #assertThere(): void {
    if (this.#isOver) throw refusals.notFound(this.path);
  }

  #numbered(message: NewMessage, now: number): StoredMessage {
    const sequence = this.contents.nextSequence();
    const isScheduled = message.scheduledAt !== undefined && message.scheduledAt > now;
    return {
      ...message,
      sequence,
      enqueueSequence: sequence,
      enqueuedAt: now,
      deliveryCount: 0,
      state: isScheduled ? "scheduled" : "active",
      lock: undefined,
    };
  }

  #keep(message: StoredMessage): void {
    this.contents.put(message);
    this.#settleIn(message);
  }

  #remove(message: StoredMessage): void {
    this.#unlock(message);
    this.contents.remove(message);
  }

  /** Finds its place for a message that nobody holds. */
  #settleIn(message: StoredMessage): void {
    if (message.state === "deferred") return;
    if (message.state === "scheduled")
      return this.#alarms.set(message, message.scheduledAt ?? 0, () => this.#activate(message));
    const expiresAt = this.#expiresAt(message);
    if (expiresAt !== NEVER)
      this.#alarms.set(message, expiresAt, () => {
        if (message.lock === undefined) this.#expire(message);
      });
    if (this.sessions === undefined) this.line.add(message);
    else this.sessions.add(message);
  }

  /**
   * A scheduled message whose time has come is enqueued at that moment, and numbered anew. A server that is killed in
   * between has it twice, and not never.
   */
  #activate(message: StoredMessage): void {
    const sequence = this.contents.nextSequence();
    this.#keep({ ...message, sequence, enqueuedAt: this.#surroundings.timers.now(), state: "active" });
    attempt(() => this.#remove(message));
    attempt(() => this.line.pump());
  }

  #hand(message: StoredMessage, consumer: Consumer): void {
    if (consumer.deletes) this.#remove(message);
    else this.#lock(message);
    consumer.deliver(message);
  }

  #lock(message: StoredMessage): void {
    const until =
      this.sessions?.lockedUntil(message) ?? this.#surroundings.timers.now() + this.settings.lockDurationMs;
    this.#locks.take(message, until);
    if (this.sessions === undefined) this.#arm(message);
    this.contents.changed(message);
  }

  #arm(message: StoredMessage): void {
    this.#alarms.set(message, message.lock?.until ?? 0, () => {
      // What cannot be written down of it is so again after a restart.
      attempt(() => this.fail(message, true));
      attempt(() => this.line.pump());
    });
  }

  #unlock(message: StoredMessage): void {
    this.#locks.release(message);
    this.#alarms.cancel(message);
    this.sessions?.released(message);
  }

  /** To the dead-letter sub-queue, under the same number. */
  #bury(message: StoredMessage, note: Readonly<Record<string, unknown>>): void {
    const { deadLetters } = this;
    if (deadLetters === undefined) return;
    const bare = withProperties(message.bare, note);
    try {
      deadLetters.#keep({ ...message, bare, state: "active", lock: undefined });
    } catch (error) {
      this.#settleIn(message);
      throw error;
    }
    this.#remove(message);
    deadLetters.line.pump();
  }

  #expire(message: StoredMessage): void {
    if (this.settings.deadLetterOnExpiration && this.deadLetters !== undefined)
      this.#bury(message, deathNote("TTLExpiredException", "The message expired and was dead lettered."));
    else this.#remove(message);
  }

  /** Dead letters do not expire. */
  #expiresAt({ enqueuedAt, ttlMs = NEVER }: StoredMessage): number {
    if (this.deadLetters === undefined) return NEVER;
    return enqueuedAt + Math.min(ttlMs, this.settings.timeToLiveMs);
  }
}
