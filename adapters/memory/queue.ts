import {
  type Delivery,
  DriverError,
  type DriverStats,
  type Operation,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  type SettleResult,
} from "../../src/driver/index.ts";
import { Enqueuer } from "./send.ts";
import type { Content, Holder, StoredMessage } from "./message.ts";
import { type Poll, Polls } from "./polls.ts";
import { checkBatch } from "./refusals.ts";
import { LeaseTable } from "./settle.ts";
import { Store } from "./store.ts";
import type { BrokerContext, DeadLetterTarget } from "./broker-context.ts";

/** One physical queue: accepts messages, leases them to polls, and settles the leases. */
export class MemoryQueue implements DeadLetterTarget {
  readonly name: string;
  /** The error for every further call, once the queue was dropped or its driver was closed. */
  ended: DriverError | undefined = undefined;
  readonly #context: BrokerContext;
  readonly #store: Store;
  readonly #enqueuer: Enqueuer;
  readonly #leases: LeaseTable;
  readonly #polls: Polls;
  #traits: QueueTraits;

  constructor(name: string, traits: QueueTraits, context: BrokerContext) {
    const { clock, profile } = context;
    this.name = name;
    this.#context = context;
    this.#store = new Store(profile.createdRetentionMs);
    this.#enqueuer = new Enqueuer(name, this.#store, context);
    this.#leases = new LeaseTable(name, this.#store, context);
    this.#polls = new Polls(clock, profile.limits.longPollMs, () => this.#onTime());
    this.#traits = traits;
    this.configure(traits);
  }

  get traits(): QueueTraits {
    return this.#traits;
  }

  /** Changes the traits. They apply to messages that are sent from now on. */
  configure(traits: QueueTraits): void {
    this.#traits = traits;
    this.#store.ordered = traits.ordering === "by_key";
    this.#enqueuer.setDedupWindow(traits.dedupWindowMs);
  }

  send(messages: readonly Outgoing[]): SendResult[] {
    checkBatch(this.name, messages, this.#context.profile.limits);
    const now = this.#advance();
    const results = messages.map((message) => this.#enqueuer.accept(message, this.#traits, now));
    if (this.#polls.any) this.#serve(now);
    return results;
  }

  /** Resolves at once if a message is ready, otherwise with the first message that becomes ready during the poll. */
  next(poll: Poll, signal: AbortSignal): Promise<Delivery[]> {
    const now = this.#advance();
    if (this.#polls.any) this.#serve(now);
    const deliveries = this.#take(poll, now);
    if (deliveries.length > 0) return Promise.resolve(deliveries);
    // As SQS does: a standard queue reports the limit; a FIFO queue looks empty.
    if (this.#room <= 0 && this.#traits.ordering === "none") {
      const problem = `Queue "${this.name}" has as many messages in flight as it may have.`;
      return Promise.reject(new DriverError("throttled", problem));
    }
    const waiting = this.#polls.wait(poll, signal);
    this.#polls.arm(this.#store.nextAt);
    return waiting;
  }

  /** Leases the messages that are ready now, without waiting. */
  takeNow(poll: Poll): Delivery[] {
    return this.#take(poll, this.#advance());
  }

  endPolls(holder: Holder): void {
    this.#polls.end(holder);
  }

  settle(operations: readonly Operation[]): SettleResult[] {
    const now = this.#advance();
    const results = operations.map((operation) => this.#leases.settle(operation, this.#traits, now));
    if (this.#polls.any) this.#serve(now);
    return results;
  }

  cancel(brokerId: string): boolean {
    this.#advance();
    return this.#enqueuer.cancel(brokerId);
  }

  stats(): DriverStats {
    this.#advance();
    const asOf = this.#context.clock.now();
    const { stats, releasedInFlight } = this.#context.profile;
    if (stats === "none") return { approximate: true, asOf };
    const { size, leased, delayed, released } = this.#store;
    const hidden = releasedInFlight ? released : 0;
    const isNative = this.#traits.deadLetter === "native";
    return {
      ready: size - leased - delayed,
      inFlight: leased + hidden,
      delayed: delayed - hidden,
      deadLettered: isNative ? this.#context.deadLettersOf(this.name)?.size() : undefined,
      approximate: stats === "approximate",
      asOf,
    };
  }

  size(): number {
    this.#advance();
    return this.#store.size;
  }

  acceptDeadLetter(content: Content): boolean {
    const now = this.#advance();
    const accepted = this.#enqueuer.acceptMoved(content, now);
    if (accepted && this.#polls.any) this.#serve(now);
    return accepted;
  }

  /** Every waiting poll resolves empty. */
  close(error: DriverError): void {
    this.ended = error;
    this.#polls.end();
  }

  /** Every waiting poll rejects. */
  drop(error: DriverError): void {
    this.ended = error;
    this.#polls.fail(error);
  }

  /** Applies the time to the messages. Returns the time on the monotonic clock, by which a queue measures everything. */
  #advance(): number {
    const now = this.#context.clock.monotonic();
    this.#store.advance(now);
    return now;
  }

  #onTime(): void {
    const now = this.#advance();
    this.#polls.serve((poll) => this.#take(poll, now));
    this.#polls.expire(now);
    this.#polls.arm(this.#store.nextAt);
  }

  #serve(now: number): void {
    this.#polls.serve((poll) => this.#take(poll, now));
    this.#polls.arm(this.#store.nextAt);
  }

  /** The number of further messages that may be in flight. */
  get #room(): number {
    const { limits, releasedInFlight } = this.#context.profile;
    return limits.maxInFlight - this.#store.leased - (releasedInFlight ? this.#store.released : 0);
  }

  #take(poll: Poll, now: number): Delivery[] {
    const deliveries: Delivery[] = [];
    const most = Math.min(poll.max, this.#room);
    const epochMs = this.#context.clock.now() - now;
    while (deliveries.length < most) {
      const message = this.#store.shift();
      if (message === undefined) break;
      if (!this.#deadLetterWorn(message)) deliveries.push(this.#deliver(message, poll, now, epochMs));
    }
    return deliveries;
  }

  /** @param epochMs the time of day minus the monotonic clock */
  #deliver(message: StoredMessage, { holder, leaseMs }: Poll, now: number, epochMs: number): Delivery {
    this.#enqueuer.forget(message);
    const { fixedLeaseMs, countsDeliveries } = this.#traits;
    const until = now + (fixedLeaseMs ?? this.#context.profile.leaseMs(leaseMs));
    const receipt = this.#store.lease(message, holder, until, now);
    const { body, attributes, orderingKey, native, deadLetter } = message;
    return {
      body,
      attributes,
      deliveryCount: countsDeliveries ? message.deliveries : 1,
      leaseUntil: until + epochMs,
      enqueuedAt: Math.round(message.enqueuedAt + epochMs),
      brokerId: message.brokerId,
      orderingKey,
      native,
      deadLetter,
      receipt,
    };
  }

  /** Moves a message without deliveries left to the dead letters. Returns false if it has some, or if they are full. */
  #deadLetterWorn(message: StoredMessage): boolean {
    const { brokerMaxDeliveries } = this.#traits;
    if (brokerMaxDeliveries === undefined || message.deliveries < brokerMaxDeliveries) return false;
    const deadLetter = {
      reason: "MaxDeliveryCountExceeded",
      description: `Delivered ${message.deliveries} times; the queue allows ${brokerMaxDeliveries}.`,
    };
    const { body, attributes, orderingKey, native } = message;
    const target = this.#context.deadLettersOf(this.name);
    if (target?.acceptDeadLetter({ body, attributes, orderingKey, native, deadLetter }) !== true)
      return false;
    // A receipt of an expired lease must not settle the message any more.
    message.lease = undefined;
    this.#store.remove(message);
    return true;
  }
}
