import { TimerHeap } from "../../src/driver/index.ts";
import { Deque } from "./deque.ts";
import { KeyQueues } from "./key-queues.ts";
import { type Holder, Lease, type StoredMessage } from "./message.ts";
import { Retention } from "./retention.ts";

/**
 * The messages of one queue by their state. A message has one state at a time, so every count is the size of a
 * collection. States change with time only in {@link advance}: no message has a timer.
 */
export class Store {
  /** The number of messages in any state. */
  size = 0;
  /** Whether new messages are kept in order by their key. */
  ordered = false;
  /** Messages that may be delivered now. A message that has gone meanwhile is skipped. */
  readonly #ready = new Deque<StoredMessage>();
  readonly #leased = new TimerHeap<Lease>();
  readonly #delayed = new TimerHeap<StoredMessage>();
  readonly #keyQueues = new KeyQueues();
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

  /** The number of delayed messages that were delivered before. */
  get released(): number {
    return this.#released;
  }

  /** The time at which the next lease or delay ends. `Infinity` if there is none. */
  get nextAt(): number {
    const leaseAt = this.#leased.peek()?.at ?? Number.POSITIVE_INFINITY;
    const dueAt = this.#delayed.peek()?.at ?? Number.POSITIVE_INFINITY;
    return Math.min(leaseAt, dueAt);
  }

  /** Applies the time: ends leases and delays that are over, and drops messages past their retention. */
  advance(now: number): void {
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

  /** Takes out the first ready message. The caller must pass it to `lease` or to `remove`. */
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

  /** Releases a leased message. The head of a key stays the head, and blocks the key until the delay is over. */
  release(lease: Lease, delayMs: number, now: number): void {
    this.#endLease(lease);
    if (delayMs === 0) this.#makeReady(lease.message);
    else {
      this.#delay(lease.message, now + delayMs);
      this.#released += 1;
    }
  }

  /** Removes a message in any state. The next message of its key becomes ready. */
  remove(message: StoredMessage): void {
    if (message.state === "leased" && message.lease !== undefined) this.#endLease(message.lease);
    if (message.state === "delayed") {
      this.#delayed.remove(message);
      if (message.deliveries > 0) this.#released -= 1;
    }
    message.state = "gone";
    this.size -= 1;
    const next = this.#keyQueues.leave(message);
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
      message.keyQueue !== undefined ||
      this.#keyQueues.enter(orderingKey, message);
    if (isHead) this.#makeReady(message);
    else message.state = "blocked";
  }

  #makeReady(message: StoredMessage): void {
    message.state = "ready";
    this.#ready.push(message);
  }
}
