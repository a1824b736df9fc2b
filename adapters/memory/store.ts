import { TimerHeap } from "../../src/driver/index.ts";
import { Deque } from "./deque.ts";
import { Lanes } from "./lanes.ts";
import { type Holder, Lease, type StoredMessage } from "./message.ts";
import { Retention } from "./retention.ts";

/**
 * Where the messages of one queue are, and how they move between its places. A message is in one place at a time,
 * so every count is the size of a place. Time passes in {@link turn} alone: no message has a timer.
 */
export class Store {
  /** Messages in every place. */
  size = 0;
  /** Whether messages that come in are kept in order by their key. */
  ordered = false;
  /** What may be delivered now. One that has gone meanwhile is skipped when it comes up. */
  readonly #ready = new Deque<StoredMessage>();
  readonly #leased = new TimerHeap<Lease>();
  readonly #delayed = new TimerHeap<StoredMessage>();
  readonly #lanes = new Lanes();
  readonly #retention: Retention | undefined;
  #released = 0;

  constructor(retentionMs: number) {
    if (Number.isFinite(retentionMs)) this.#retention = new Retention(retentionMs);
  }

  get leased(): number {
    return this.#leased.size;
  }

  get delayed(): number {
    return this.#delayed.size;
  }

  /** Of the delayed ones, those that had been delivered before. */
  get released(): number {
    return this.#released;
  }

  /** When something next becomes ready by itself. */
  get nextAt(): number {
    const leaseAt = this.#leased.peek()?.at ?? Number.POSITIVE_INFINITY;
    const dueAt = this.#delayed.peek()?.at ?? Number.POSITIVE_INFINITY;
    return Math.min(leaseAt, dueAt);
  }

  /** Brings all places up to date: leases that have ended, delays that are over, messages past their retention. */
  turn(now: number): void {
    this.#retention?.expire(now, (message) => this.remove(message));
    for (let lease = this.#leased.popDue(now); lease !== undefined; lease = this.#leased.popDue(now)) {
      lease.holder.held -= 1;
      this.#makeReady(lease.message);
    }
    for (let due = this.#delayed.popDue(now); due !== undefined; due = this.#delayed.popDue(now)) {
      if (due.deliveries > 0) this.#released -= 1;
      this.#enter(due);
    }
  }

  add(message: StoredMessage, delayMs: number, now: number): void {
    this.size += 1;
    this.#retention?.add(message, this.size);
    if (delayMs > 0) this.#delay(message, now + delayMs);
    else this.#enter(message);
  }

  /** Takes out the first that is ready. It belongs in the next line to `lease`, or to `remove`. */
  shift(): StoredMessage | undefined {
    let message = this.#ready.shift();
    while (message?.state === "gone") message = this.#ready.shift();
    return message;
  }

  lease(message: StoredMessage, holder: Holder, until: number, now: number): Lease {
    const lease = new Lease(message, holder, now, until);
    message.deliveries += 1;
    message.lease = lease;
    message.state = "leased";
    holder.held += 1;
    this.#leased.push(lease);
    return lease;
  }

  extend(lease: Lease, until: number): void {
    this.#leased.move(lease, until);
  }

  /** Gives a leased message back. The head of a key stays the head, and blocks it through the delay. */
  release(lease: Lease, delayMs: number, now: number): void {
    this.#endLease(lease);
    if (delayMs === 0) this.#makeReady(lease.message);
    else {
      this.#delay(lease.message, now + delayMs);
      this.#released += 1;
    }
  }

  /** Takes a message out, wherever it is; the next of its key moves up. */
  remove(message: StoredMessage): void {
    if (message.state === "leased" && message.lease !== undefined) this.#endLease(message.lease);
    if (message.state === "delayed") {
      this.#delayed.remove(message);
      if (message.deliveries > 0) this.#released -= 1;
    }
    message.state = "gone";
    this.size -= 1;
    const next = this.#lanes.leave(message);
    if (next !== undefined) this.#makeReady(next);
  }

  #endLease(lease: Lease): void {
    this.#leased.remove(lease);
    lease.holder.held -= 1;
  }

  #delay(message: StoredMessage, at: number): void {
    message.state = "delayed";
    message.at = at;
    this.#delayed.push(message);
  }

  #enter(message: StoredMessage): void {
    const { orderingKey } = message;
    const isHead =
      !this.ordered ||
      orderingKey === undefined ||
      message.lane !== undefined ||
      this.#lanes.enter(orderingKey, message);
    if (isHead) this.#makeReady(message);
    else message.state = "blocked";
  }

  #makeReady(message: StoredMessage): void {
    message.state = "ready";
    this.#ready.push(message);
  }
}
