import {
  type Clock,
  type Delivery,
  DriverError,
  type OpenOptions,
  type Operation,
  type SettleResult,
  type Source,
  type Timer,
} from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { deliveryOf, receiptOf } from "./delivery.ts";
import { CODE, codeOf, driverError } from "./errors.ts";
import { KeyQueues } from "./key-queues.ts";
import { leaseSeconds } from "./limits.ts";
import { type Pull, Pulls } from "./pulls.ts";
import { modifyDeadlines, settleBatch, type SettleTarget } from "./settle.ts";
import type { Subscriptions } from "./traits.ts";

export interface PubsubSourceOptions extends OpenOptions {
  readonly queue: string;
  readonly connections: Connections;
  readonly subscriptions: Subscriptions;
  readonly waitMs: number;
  readonly clock: Clock;
  readonly closed: (source: PubsubSource) => void;
}

type Writable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/**
 * The time limit of a pull in addition to its wait. The server ends an empty pull on its own; the emulator does so a
 * second before the deadline. Messages of a pull that was aborted here are hidden for a whole lease. So there is time
 * for an answer that is on its way and for a blocked event loop.
 */
const ANSWER_MS = 5_000;
const EMULATED_ANSWER_MS = 2_000;
/** The time after its wait from which a pull counts as lost: more than its time limit, less than the core's 15 s. */
const LOST_AFTER_MS = 10_000;
const PROBE_EVERY_MS = 60_000;
/** The time after which kept messages are released for other workers, if no call takes them. */
const KEPT_MS = 60_000;
/** The least lease that a message must have left to be handed out. For short leases, a quarter of the lease. */
const LEAST_LEASE_MS = 5_000;

/**
 * Pulls of one subscription, and the settlement of their messages. A pull never brings more messages than it asks for.
 * A streaming pull overruns its flow control, and counts a message that was released with a delay as outstanding.
 */
export class PubsubSource implements Source {
  readonly #options: PubsubSourceOptions;
  readonly #pulls: Pulls;
  readonly #keyQueues = new KeyQueues();
  /** Messages to hand out: they arrived when no call waited, or the message before them was acknowledged. */
  #ready: Delivery[] = [];
  #upkeep: Timer | undefined;
  /** Milliseconds of the monotonic clock, as all times of a source. */
  #nextProbeAt = 0;
  #askedAt = 0;
  #stopped = false;
  #closed = false;

  constructor(options: PubsubSourceOptions) {
    this.#options = options;
    this.#pulls = new Pulls(() => this.#ready.length > 0);
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    if (this.#closed) throw closedError();
    const { clock, waitMs } = this.#options;
    this.#askedAt = clock.monotonic();
    const kept = this.#take(max);
    if (kept.length > 0 || this.#stopped || signal.aborted) return kept;
    const lostAt = this.#askedAt + waitMs + LOST_AFTER_MS;
    const pull =
      this.#pulls.idle(this.#askedAt) ?? this.#pulls.start(lostAt, (cancelled) => this.#pull(max, cancelled));
    return this.#waitFor(pull, max, signal);
  }

  async settle(asked: readonly Operation[]): Promise<SettleResult[]> {
    if (this.#closed) throw closedError();
    // Copied before the first `await`: the array belongs to the caller again once the call has returned.
    const operations = [...asked];
    const target = await this.#target();
    const results = await settleBatch(target, operations);
    await this.#moveKeyQueues(target, operations, results);
    return results;
  }

  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    // Pulls are not cancelled: messages of a cancelled pull are hidden for a whole lease.
    await this.#pulls.ended();
    // Messages behind another one are released only after it is settled: no worker may overtake it.
    return this.#take(Number.POSITIVE_INFINITY);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#stopped = true;
    this.#closed = true;
    this.#pulls.cancel();
    this.#upkeep?.cancel();
    this.#options.closed(this);
    return Promise.resolve();
  }

  /** Resolves when there is a message to take, when the pull ends, or when `signal` aborts. */
  #waitFor(pull: Pull, max: number, signal: AbortSignal): Promise<Delivery[]> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        pull.waiter = undefined;
        signal.removeEventListener("abort", onAbort);
      };
      const wake = (): void => {
        leave();
        resolve(this.#take(max));
      };
      const onAbort = (): void => {
        leave();
        resolve([]);
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      pull.waiter = { wake, fail };
    });
  }

  /** Takes messages whose lease is long enough to be extended in time. Pub/Sub delivers the others again. */
  #take(max: number): Delivery[] {
    const { clock, leaseMs } = this.#options;
    this.#dropLapsed(clock.monotonic() + Math.min(LEAST_LEASE_MS, leaseSeconds(leaseMs) * 250));
    const epochMs = clock.now() - clock.monotonic();
    const taken: Writable<Delivery>[] = this.#ready.splice(0, max);
    // Written in place: the message has not been handed out before.
    for (const delivery of taken) delivery.leaseUntil = receiptOf(delivery).leaseUntil + epochMs;
    return taken;
  }

  /** Drops messages whose lease ends by `until`. An extension might take them from another receiver. */
  #dropLapsed(until: number): void {
    this.#ready = this.#ready.filter((delivery) => {
      const isLeased = receiptOf(delivery).leaseUntil > until;
      if (!isLeased) this.#keyQueues.lapsed(delivery);
      return isLeased;
    });
  }

  async #pull(max: number, signal: AbortSignal): Promise<void> {
    const { queue, connections, subscriptions, waitMs, clock } = this.#options;
    try {
      const { enableMessageOrdering, ackDeadlineSeconds, name } = await subscriptions.get(queue);
      const { pulls, emulated } = await connections.clients();
      const ordered = enableMessageOrdering === true;
      const request = { subscription: name as string, maxMessages: max };
      const timeoutMs = waitMs + (emulated ? EMULATED_ANSWER_MS : ANSWER_MS);
      const [{ receivedMessages }] = await pulls.pull(request, once(timeoutMs, signal));
      const granted = ackDeadlineSeconds || leaseSeconds(0);
      const leaseUntil = clock.monotonic() + granted * 1_000;
      const deliveries = (receivedMessages ?? []).map((message) => deliveryOf(message, leaseUntil, ordered));
      await this.#agreeLease(deliveries, granted, ordered);
      this.#ready.push(...this.#keyQueues.admit(deliveries, clock.monotonic()));
      this.#keepWaiting();
    } catch (error) {
      const code = codeOf(error);
      if (code === CODE.cancelled && signal.aborted) return;
      if (code === CODE.deadlineExceeded) return this.#probe();
      const failure = driverError(error, "pubsub.subscriptions.consume");
      if (failure.kind === "not_found") subscriptions.forget(queue);
      throw failure;
    }
  }

  /** Makes a request that has an answer, now and then: a silent pull can mean an empty queue or a dead connection. */
  async #probe(): Promise<void> {
    const { queue, connections, subscriptions, clock } = this.#options;
    if (clock.monotonic() < this.#nextProbeAt) return;
    const { name: subscription } = await subscriptions.get(queue);
    const clients = await connections.clients();
    try {
      await clients.answer(clients.pulls.getSubscription({ subscription: subscription as string }, once()));
      this.#nextProbeAt = clock.monotonic() + PROBE_EVERY_MS;
    } catch (error) {
      throw driverError(error, "pubsub.subscriptions.get");
    }
  }

  /**
   * Changes the ack deadline of pulled messages, which is the subscription's, to the lease of this source. A shorter
   * deadline is left as it is if no order is kept: the receiver extends a message that it still holds. Messages that
   * wait behind another one have no such receiver.
   */
  async #agreeLease(deliveries: readonly Delivery[], granted: number, ordered: boolean): Promise<void> {
    const wanted = leaseSeconds(this.#options.leaseMs);
    if (deliveries.length === 0 || wanted === granted || (wanted > granted && !ordered)) return;
    await this.#extend(deliveries.map(receiptOf), wanted);
  }

  async #extend(receipts: readonly ReturnType<typeof receiptOf>[], seconds: number): Promise<void> {
    const until = this.#options.clock.monotonic() + seconds * 1_000;
    const failures = await modifyDeadlines(await this.#target(), receipts, seconds);
    for (const receipt of receipts) if (!failures.has(receipt.ackId)) receipt.leaseUntil = until;
  }

  /** After a settlement: makes the next message of the key ready, or releases the messages behind the settled one. */
  async #moveKeyQueues(
    target: SettleTarget,
    operations: readonly Operation[],
    results: readonly SettleResult[],
  ): Promise<void> {
    const back = new Map<number, Delivery[]>();
    const release = (deliveries: readonly Delivery[], seconds: number): void => {
      if (deliveries.length > 0) back.set(seconds, [...(back.get(seconds) ?? []), ...deliveries]);
    };
    for (const [index, operation] of operations.entries()) {
      const { kind, delivery } = operation;
      const result = results[index];
      if (delivery.orderingKey === undefined) continue;
      if (result?.ok === false) {
        if (result.error.kind === "lease_lost") release(this.#keyQueues.scatter(delivery), 0);
      } else if (kind === "release") {
        release(this.#keyQueues.scatter(delivery), Math.ceil(operation.delayMs / 1_000));
      } else if (kind === "ack") {
        const next = this.#keyQueues.advance(delivery);
        if (next === undefined) continue;
        if (this.#stopped) release([next, ...this.#keyQueues.scatter(next)], 0);
        else this.#ready.push(next);
      }
    }
    this.#keepWaiting();
    this.#pulls.wake();
    for (const [seconds, deliveries] of back)
      await modifyDeadlines(target, deliveries.map(receiptOf), seconds);
  }

  /** Extends the leases of messages that wait: behind another message, or for a call that takes them. */
  #keepWaiting(): void {
    if (this.#closed || this.#upkeep !== undefined) return;
    if (this.#keyQueues.holding === 0 && this.#ready.length === 0) return;
    const { clock, leaseMs } = this.#options;
    const seconds = leaseSeconds(leaseMs);
    this.#upkeep = clock.timer((seconds * 1_000) / 3, () => {
      this.#upkeep = undefined;
      const now = clock.monotonic();
      // The lease of a head has ended. The messages behind it are delivered again, after it, when their leases end.
      this.#keyQueues.scatterLapsed(now);
      this.#dropLapsed(now);
      if (now - this.#askedAt > KEPT_MS) this.#releaseReady();
      const by = now + (seconds * 2_000) / 3;
      const ready = this.#ready.map(receiptOf).filter(({ leaseUntil }) => leaseUntil <= by);
      const due = [...this.#keyQueues.dueBy(by), ...ready];
      // A failed extension is tried again at the next turn, while the lease lasts.
      if (due.length > 0) this.#extend(due, seconds).catch(() => {});
      this.#keepWaiting();
    });
  }

  #releaseReady(): void {
    const back = this.#ready.splice(0).flatMap((delivery) => [delivery, ...this.#keyQueues.lapsed(delivery)]);
    if (back.length > 0) this.#extend(back.map(receiptOf), 0).catch(() => {});
  }

  async #target(): Promise<SettleTarget> {
    const { queue, connections, subscriptions, clock } = this.#options;
    const clients = await connections.clients();
    return { clients, subscription: subscriptions.name(clients.project, queue), clock };
  }
}

function closedError(): DriverError {
  return new DriverError("permanent", "The source is closed.");
}
