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
import { Poller } from "./intake.ts";
import type { Content, Holder, StoredMessage } from "./message.ts";
import { type Poll, Polls } from "./polls.ts";
import { checkBatch } from "./refusals.ts";
import { Settlement } from "./settlement.ts";
import { Store } from "./store.ts";
import { type DeadLetterQueue, grantedLeaseMs, type BrokerContext } from "./surroundings.ts";

/** One physical queue: takes messages in, leases them to polls, and carries out what becomes of them. */
export class MemoryQueue implements DeadLetterQueue {
  readonly name: string;
  /** Set once it was dropped or its driver closed: the answer to every call from then on. */
  ended: DriverError | undefined = undefined;
  readonly #surroundings: BrokerContext;
  readonly #store: Store;
  readonly #intake: Poller;
  readonly #settlement: Settlement;
  readonly #polls: Polls;
  #traits: QueueTraits;

  constructor(name: string, traits: QueueTraits, surroundings: BrokerContext) {
    const { clock, profile } = surroundings;
    this.name = name;
    this.#surroundings = surroundings;
    this.#store = new Store(profile.limits.retentionMs);
    this.#intake = new Poller(name, this.#store, surroundings);
    this.#settlement = new Settlement(name, this.#store, surroundings);
    this.#polls = new Polls(clock, profile.limits.longPollMs, () => this.#onTime());
    this.#traits = traits;
    this.configure(traits);
  }

  get traits(): QueueTraits {
    return this.#traits;
  }

  /** Takes on other traits. They hold for what comes in from now on. */
  configure(traits: QueueTraits): void {
    this.#traits = traits;
    this.#store.ordered = traits.ordering === "by_key";
    this.#intake.setDedupWindow(traits.dedupWindowMs);
  }

  send(messages: readonly Outgoing[]): SendResult[] {
    checkBatch(this.name, messages, this.#surroundings.profile.limits);
    const now = this.#turn();
    const results = messages.map((message) => this.#intake.accept(message, this.#traits, now));
    if (this.#polls.any) this.#serve(now);
    return results;
  }

  /** Resolves at once where a message is ready, else with the first that becomes ready while the poll lasts. */
  next(poll: Poll, signal: AbortSignal): Promise<Delivery[]> {
    const now = this.#turn();
    if (this.#polls.any) this.#serve(now);
    const deliveries = this.#take(poll, now);
    if (deliveries.length > 0) return Promise.resolve(deliveries);
    // The cloud that has this limit says so on an unordered queue; an ordered one looks empty.
    if (this.#room <= 0 && this.#traits.ordering === "none") {
      const problem = `Queue "${this.name}" has as many messages in flight as it may have.`;
      return Promise.reject(new DriverError("throttled", problem));
    }
    const waiting = this.#polls.wait(poll, signal);
    this.#polls.arm(this.#store.nextAt);
    return waiting;
  }

  /** Leases what is ready now, without waiting. */
  takeNow(poll: Poll): Delivery[] {
    return this.#take(poll, this.#turn());
  }

  endPolls(holder: Holder): void {
    this.#polls.end(holder);
  }

  settle(operations: readonly Operation[]): SettleResult[] {
    const now = this.#turn();
    const results = operations.map((operation) => this.#settlement.settle(operation, this.#traits, now));
    if (this.#polls.any) this.#serve(now);
    return results;
  }

  cancel(brokerId: string): boolean {
    this.#turn();
    return this.#intake.cancel(brokerId);
  }

  stats(): DriverStats {
    const asOf = this.#turn();
    const { stats, releasedInFlight } = this.#surroundings.profile;
    if (stats === "none") return { approximate: true, asOf };
    const { size, leased, delayed, released } = this.#store;
    const hidden = releasedInFlight ? released : 0;
    const isNative = this.#traits.deadLetter === "native";
    return {
      ready: size - leased - delayed,
      inFlight: leased + hidden,
      delayed: delayed - hidden,
      deadLettered: isNative ? this.#surroundings.deadLettersOf(this.name)?.size() : undefined,
      approximate: stats === "approximate",
      asOf,
    };
  }

  size(): number {
    this.#turn();
    return this.#store.size;
  }

  acceptDeadLetter(content: Content): boolean {
    const now = this.#turn();
    const accepted = this.#intake.acceptMoved(content, now);
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

  /** Brings the queue up to the present. */
  #turn(): number {
    const now = this.#surroundings.clock.now();
    this.#store.turn(now);
    return now;
  }

  #onTime(): void {
    const now = this.#turn();
    this.#polls.serve((poll) => this.#take(poll, now));
    this.#polls.expire(now);
    this.#polls.arm(this.#store.nextAt);
  }

  #serve(now: number): void {
    this.#polls.serve((poll) => this.#take(poll, now));
    this.#polls.arm(this.#store.nextAt);
  }

  /** How many more messages may be in flight. */
  get #room(): number {
    const { limits, releasedInFlight } = this.#surroundings.profile;
    return limits.maxInFlight - this.#store.leased - (releasedInFlight ? this.#store.released : 0);
  }

  #take(poll: Poll, now: number): Delivery[] {
    const deliveries: Delivery[] = [];
    const most = Math.min(poll.max, this.#room);
    while (deliveries.length < most) {
      const message = this.#store.shift();
      if (message === undefined) break;
      if (!this.#deadLetterWorn(message)) deliveries.push(this.#deliver(message, poll, now));
    }
    return deliveries;
  }

  #deliver(message: StoredMessage, { holder, leaseMs }: Poll, now: number): Delivery {
    this.#intake.forget(message);
    const { fixedLeaseMs, countsDeliveries } = this.#traits;
    const until = now + grantedLeaseMs(leaseMs, fixedLeaseMs, this.#surroundings.profile);
    const receipt = this.#store.lease(message, holder, until, now);
    const { body, attributes, orderingKey, deadLetter } = message;
    return {
      body,
      attributes,
      deliveryCount: countsDeliveries ? message.deliveries : 1,
      leaseUntil: until,
      enqueuedAt: message.enqueuedAt,
      brokerId: message.brokerId,
      orderingKey,
      deadLetter,
      receipt,
    };
  }

  /** Moves a message that has used up its deliveries. It stays where the dead-letter queue has no room for it. */
  #deadLetterWorn(message: StoredMessage): boolean {
    const { brokerMaxDeliveries } = this.#traits;
    if (brokerMaxDeliveries === undefined || message.deliveries < brokerMaxDeliveries) return false;
    const deadLetter = {
      reason: "MaxDeliveryCountExceeded",
      description: `Delivered ${message.deliveries} times; the queue allows ${brokerMaxDeliveries}.`,
    };
    const { body, attributes, orderingKey } = message;
    const letters = this.#surroundings.deadLettersOf(this.name);
    if (letters?.acceptDeadLetter({ body, attributes, orderingKey, deadLetter }) !== true) return false;
    // Whoever still has a lease on it settles nothing any more.
    message.lease = undefined;
    this.#store.remove(message);
    return true;
  }
}
