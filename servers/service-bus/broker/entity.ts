import { randomUUID } from "node:crypto";
import { withProperties } from "../amqp/sections.ts";
import type { QueueSettings } from "../options.ts";
import { Duplicates } from "./duplicates.ts";
import { Heap } from "./heap.ts";
import { deathNote, type NewMessage, type Settlement, type StoredMessage } from "./message.ts";
import { type Refusal, refusals } from "./refusal.ts";
import { Sessions } from "./sessions.ts";
import type { Store } from "./store.ts";
import type { Timers } from "./timers.ts";

/** A receiving link, as its entity sees it. */
export interface Consumer {
  /** How many messages it can take now. */
  readonly credit: number;
  /** Whether it takes messages for good, without settling them. */
  readonly deletes: boolean;
  deliver(message: StoredMessage): void;
  /** The entity is gone. */
  end(refusal: Refusal): void;
}

/** What entities share. */
export interface Surroundings {
  readonly timers: Timers;
  readonly store: Store;
}

/** A queue, or the dead-letter sub-queue of one: what can be received from. */
export class Entity {
  readonly path: string;
  /** Undefined for one that is itself such a sub-queue. */
  readonly deadLetters: Entity | undefined;
  readonly sessions: Sessions | undefined;
  readonly duplicates: Duplicates;
  settings: QueueSettings;
  readonly #surroundings: Surroundings;
  readonly #messages = new Map<number, StoredMessage>();
  readonly #ready = new Heap<StoredMessage>();
  readonly #locked = new Map<string, StoredMessage>();
  readonly #timers = new Map<number, () => void>();
  #consumers: Consumer[] = [];
  #lastSequence = 0;

  constructor(path: string, settings: QueueSettings, surroundings: Surroundings, deadLetters?: Entity) {
    this.path = path;
    this.settings = settings;
    this.deadLetters = deadLetters;
    this.#surroundings = surroundings;
    const isQueue = deadLetters !== undefined;
    this.duplicates = new Duplicates(isQueue ? settings.duplicateDetectionWindowMs : 0);
    this.sessions =
      isQueue && settings.requiresSession
        ? new Sessions(this, surroundings, (message, consumer) => this.#hand(message, consumer))
        : undefined;
  }

  /** Takes messages in; repeated ones are dropped in silence, as the service does it. */
  enqueue(messages: readonly NewMessage[]): StoredMessage[] {
    const now = Date.now();
    const stored: StoredMessage[] = [];
    for (const message of messages) {
      if (this.duplicates.isRepeated(message.messageId, now)) continue;
      if (this.settings.duplicateDetectionWindowMs > 0)
        this.#surroundings.store.seen(this.path, message.messageId, now);
      stored.push(this.#admit(message, now));
    }
    this.pump();
    return stored;
  }

  /** @throws Refusal where one of them is not scheduled any more; the others are cancelled all the same */
  cancel(sequences: readonly number[]): void {
    let missing: number | undefined;
    for (const sequence of sequences) {
      const message = this.#messages.get(sequence);
      if (message?.state === "scheduled") this.#remove(message);
      else missing = sequence;
    }
    if (missing !== undefined) throw refusals.messageNotFound(missing);
  }

  attach(consumer: Consumer): void {
    this.#consumers.push(consumer);
  }

  /** What it holds stays locked. */
  detach(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((one) => one !== consumer);
  }

  get consumers(): readonly Consumer[] {
    return this.#consumers;
  }

  /** Hands out what can be handed out. */
  pump(): void {
    for (;;) {
      const message = this.#nextReady();
      const consumer = message === undefined ? undefined : this.#nextConsumer();
      if (message === undefined || consumer === undefined) return;
      this.#ready.pop();
      this.#hand(message, consumer);
    }
  }

  /** @throws Refusal where the lock is lost */
  settle(token: string, settlement: Settlement): void {
    const message = this.#heldBy(token);
    if (settlement.kind === "complete") return this.#remove(message);
    message.bare = withProperties(message.bare, settlement.properties);
    if (settlement.kind === "dead_letter") {
      if (this.deadLetters === undefined)
        throw refusals.notAllowed("A message of a dead-letter queue cannot be dead-lettered.");
      return this.#bury(message, deathNote(settlement.reason, settlement.description));
    }
    if (settlement.kind === "defer") message.state = "deferred";
    this.fail(message, settlement.kind === "abandon");
    this.pump();
  }

  /** Extends the lock; returns until when. @throws Refusal */
  renew(token: string): number {
    const message = this.#heldBy(token);
    const until = Date.now() + this.settings.lockDurationMs;
    if (message.lock !== undefined) message.lock.until = until;
    this.#surroundings.store.update(this.path, message);
    if (this.sessions === undefined) this.#arm(message);
    return until;
  }

  peek(from: number, count: number, session: string | undefined): StoredMessage[] {
    return [...this.#messages.values()]
      .filter(
        ({ sequence, sessionId }) => sequence >= from && (session === undefined || session === sessionId),
      )
      .toSorted((a, b) => a.sequence - b.sequence)
      .slice(0, count);
  }

  /** Locks deferred messages, or takes them for good. @throws Refusal where one of them is not there */
  takeDeferred(sequences: readonly number[], deletes: boolean): StoredMessage[] {
    const messages = sequences.map((sequence) => {
      const message = this.#messages.get(sequence);
      if (message?.state !== "deferred" || message.lock !== undefined)
        throw refusals.messageNotFound(sequence);
      return message;
    });
    for (const message of messages) {
      if (deletes) this.#remove(message);
      else this.#lock(message, Date.now() + this.settings.lockDurationMs);
    }
    return messages;
  }

  get counts(): { readonly active: number; readonly scheduled: number; readonly bytes: number } {
    let [active, scheduled, bytes] = [0, 0, 0];
    for (const { state, bare } of this.#messages.values()) {
      if (state === "scheduled") scheduled += 1;
      else if (state === "active") active += 1;
      bytes += bare.length;
    }
    return { active, scheduled, bytes };
  }

  all(): Iterable<StoredMessage> {
    return this.#messages.values();
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Numbers that were given are never given again. */
  resumeAfter(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  /** Puts back what a store has kept. A lock on a single message goes on; a session's has ended with its link. */
  restore(message: StoredMessage): void {
    this.#messages.set(message.sequence, message);
    if (message.lock === undefined) this.#settleIn(message);
    else if (this.sessions === undefined) {
      this.#locked.set(message.lock.token, message);
      this.#arm(message);
    } else {
      this.fail(message, true);
    }
  }

  /** Ends a delivery, as a failed one or not; the message goes back to its place. */
  fail(message: StoredMessage, counts: boolean): void {
    this.#unlock(message);
    if (counts) message.deliveryCount += 1;
    const { maxDeliveryCount } = this.settings;
    if (counts && this.deadLetters !== undefined && message.deliveryCount >= maxDeliveryCount) {
      const text = `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`;
      return this.#bury(message, deathNote("MaxDeliveryCountExceeded", text));
    }
    this.#surroundings.store.update(this.path, message);
    this.#settleIn(message);
  }

  end(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.sessions?.end();
    for (const consumer of this.#consumers) consumer.end(refusals.notFound(this.path));
    this.#messages.clear();
  }

  #admit(message: NewMessage, now: number): StoredMessage {
    const sequence = (this.#lastSequence += 1);
    const isScheduled = message.scheduledAt !== undefined && message.scheduledAt > now;
    const stored: StoredMessage = {
      ...message,
      sequence,
      enqueueSequence: sequence,
      enqueuedAt: now,
      deliveryCount: 0,
      state: isScheduled ? "scheduled" : "active",
      lock: undefined,
    };
    this.#keep(stored);
    return stored;
  }

  #keep(message: StoredMessage): void {
    this.#messages.set(message.sequence, message);
    this.#surroundings.store.put(this.path, message);
    this.#settleIn(message);
  }

  /** Finds its place for a message that nobody holds. */
  #settleIn(message: StoredMessage): void {
    if (message.state === "deferred") return;
    if (message.state === "scheduled")
      return this.#at(message, message.scheduledAt ?? 0, () => this.#activate(message));
    const expiresAt = this.#expiresAt(message);
    if (expiresAt !== Number.POSITIVE_INFINITY)
      this.#at(message, expiresAt, () => {
        if (message.lock === undefined) this.#expire(message);
      });
    if (this.sessions === undefined) this.#ready.push(message);
    else this.sessions.add(message);
  }

  /** A scheduled message whose time has come is enqueued at that moment, and numbered anew. */
  #activate(message: StoredMessage): void {
    this.#remove(message);
    const sequence = (this.#lastSequence += 1);
    this.#keep({ ...message, sequence, enqueuedAt: Date.now(), state: "active" });
    this.pump();
  }

  #nextReady(): StoredMessage | undefined {
    for (;;) {
      const message = this.#ready.first;
      if (message === undefined || this.isReady(message)) return message;
      this.#ready.pop();
    }
  }

  /** Places in the queue are not cleared when a message leaves it; who comes upon one asks here. */
  isReady(message: StoredMessage): boolean {
    const isHere = this.#messages.get(message.sequence) === message;
    if (!isHere || message.state !== "active" || message.lock !== undefined) return false;
    if (this.#expiresAt(message) > Date.now()) return true;
    this.#expire(message);
    return false;
  }

  /** The next one that has credit; then it is the others' turn. */
  #nextConsumer(): Consumer | undefined {
    const index = this.#consumers.findIndex(({ credit }) => credit > 0);
    const [consumer] = index < 0 ? [] : this.#consumers.splice(index, 1);
    if (consumer !== undefined) this.#consumers.push(consumer);
    return consumer;
  }

  #hand(message: StoredMessage, consumer: Consumer): void {
    if (consumer.deletes) this.#remove(message);
    else
      this.#lock(message, this.sessions?.lockedUntil(message) ?? Date.now() + this.settings.lockDurationMs);
    consumer.deliver(message);
  }

  #lock(message: StoredMessage, until: number): void {
    message.lock = { token: randomUUID(), until };
    this.#locked.set(message.lock.token, message);
    this.#surroundings.store.update(this.path, message);
    if (this.sessions === undefined) this.#arm(message);
  }

  #arm(message: StoredMessage): void {
    this.#at(message, message.lock?.until ?? 0, () => {
      this.fail(message, true);
      this.pump();
    });
  }

  #unlock(message: StoredMessage): void {
    if (message.lock !== undefined) this.#locked.delete(message.lock.token);
    message.lock = undefined;
    this.#timers.get(message.sequence)?.();
    this.#timers.delete(message.sequence);
    this.sessions?.released(message);
  }

  #heldBy(token: string): StoredMessage {
    const message = this.#locked.get(token);
    if (message === undefined) throw refusals.lockLost();
    return message;
  }

  #remove(message: StoredMessage): void {
    this.#unlock(message);
    this.#messages.delete(message.sequence);
    this.#surroundings.store.remove(this.path, message.sequence);
  }

  /** To the dead-letter sub-queue, under the same number. */
  #bury(message: StoredMessage, note: Readonly<Record<string, unknown>>): void {
    const { deadLetters } = this;
    if (deadLetters === undefined) return;
    deadLetters.#keep({
      ...message,
      bare: withProperties(message.bare, note),
      state: "active",
      lock: undefined,
    });
    this.#remove(message);
    deadLetters.pump();
  }

  #expire(message: StoredMessage): void {
    if (this.settings.deadLetterOnExpiration && this.deadLetters !== undefined)
      this.#bury(message, deathNote("TTLExpiredException", "The message expired and was dead lettered."));
    else this.#remove(message);
  }

  /** Dead letters do not expire. */
  #expiresAt({ enqueuedAt, ttlMs = Number.POSITIVE_INFINITY }: StoredMessage): number {
    if (this.deadLetters === undefined) return Number.POSITIVE_INFINITY;
    return enqueuedAt + Math.min(ttlMs, this.settings.timeToLiveMs);
  }

  /** One timer a message: for its lock, its schedule or its expiry, whichever it has now. */
  #at(message: StoredMessage, at: number, run: () => void): void {
    this.#timers.get(message.sequence)?.();
    const cancel = this.#surroundings.timers.at(at, () => {
      this.#timers.delete(message.sequence);
      run();
    });
    this.#timers.set(message.sequence, cancel);
  }
}
