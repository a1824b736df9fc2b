import type {
  Clock,
  Delivery,
  OpenOptions,
  Operation,
  SettleResult,
  Source,
  Timer,
} from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { deliveryOf, receiptOf } from "./delivery.ts";
import { CODE, codeOf, driverError } from "./errors.ts";
import { Lanes } from "./lanes.ts";
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

/**
 * Beyond the wait. The server ends an empty pull by itself, the emulator a second before its deadline. What it gives
 * to a pull that has been given up here is hidden for a whole lease: so there has to be time for an answer on its way,
 * and for an event loop that somebody has held up.
 */
const ANSWER_MS = 5_000;
const EMULATED_ANSWER_MS = 2_000;
const PROBE_EVERY_MS = 60_000;
/** What nobody asks for in this time goes back, for others to have it: the worker may be paused, or its handlers long. */
const KEPT_MS = 60_000;
/** What has less than this left of its lease, or than a quarter of it, is not begun any more. */
const LEAST_LEASE_MS = 5_000;

/**
 * Pulls of one subscription, and the settlement of what they bring. Pulls and not a stream: a pull brings what was
 * asked for and never more, whereas a stream overruns its flow control, and counts a message that was released with a
 * delay as held by it.
 */
export class PubsubSource implements Source {
  readonly #options: PubsubSourceOptions;
  readonly #pulls: Pulls;
  readonly #lanes = new Lanes();
  /** Came after nobody waited for it any more, or follows what was acknowledged. */
  #ready: Delivery[] = [];
  #upkeep: Timer | undefined;
  #nextProbeAt = 0;
  #askedAt = 0;
  #stopped = false;
  #closed = false;

  constructor(options: PubsubSourceOptions) {
    this.#options = options;
    this.#pulls = new Pulls(() => this.#ready.length > 0);
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#askedAt = this.#options.clock.now();
    const kept = this.#take(max);
    if (kept.length > 0 || this.#stopped || signal.aborted) return kept;
    const pull = this.#pulls.idle() ?? this.#pulls.start((cancelled) => this.#pull(max, cancelled));
    return this.#waitFor(pull, max, signal);
  }

  async settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    const target = await this.#target();
    const results = await settleBatch(target, operations);
    await this.#moveLanes(target, operations, results);
    return results;
  }

  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    // Not cancelled: what is given to a cancelled pull is hidden for a whole lease.
    await this.#pulls.ended();
    // Those that wait behind another are given back after its verdict: the next worker must not overtake it.
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

  /** Resolves with what comes first: something to take, the end of the pull, or the abort. */
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
        pull.abandoned = true;
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

  /** What is there, and leased for long enough to be extended in time; the rest comes again by itself. */
  #take(max: number): Delivery[] {
    const { clock, leaseMs } = this.#options;
    this.#dropLapsed(clock.now() + Math.min(LEAST_LEASE_MS, leaseSeconds(leaseMs) * 250));
    return this.#ready.splice(0, max).map((delivery) => {
      const { leaseUntil } = receiptOf(delivery);
      return leaseUntil === delivery.leaseUntil ? delivery : { ...delivery, leaseUntil };
    });
  }

  /** What is leased no longer than this comes again: to extend it might take it from whoever has it by then. */
  #dropLapsed(until: number): void {
    this.#ready = this.#ready.filter((delivery) => {
      const isLeased = receiptOf(delivery).leaseUntil > until;
      if (!isLeased) this.#lanes.lapsed(delivery);
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
      const leaseUntil = clock.now() + granted * 1_000;
      const deliveries = (receivedMessages ?? []).map((message) => deliveryOf(message, leaseUntil, ordered));
      await this.#agreeLease(deliveries, granted, ordered);
      this.#ready.push(...this.#lanes.admit(deliveries, clock.now()));
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

  /** Silence may be an empty queue or a dead connection: now and then, something is asked that has an answer. */
  async #probe(): Promise<void> {
    const { queue, connections, subscriptions, clock } = this.#options;
    if (clock.now() < this.#nextProbeAt) return;
    const { name: subscription } = await subscriptions.get(queue);
    const clients = await connections.clients();
    try {
      await clients.answer(clients.pulls.getSubscription({ subscription: subscription as string }, once()));
      this.#nextProbeAt = clock.now() + PROBE_EVERY_MS;
    } catch (error) {
      throw driverError(error, "pubsub.subscriptions.get");
    }
  }

  /**
   * What was pulled has the subscription's own ack deadline; another one has to be asked for. Where it is shorter than
   * is wanted, whoever holds a message extends it in time, if it is still held by then; what waits in order, nobody.
   */
  async #agreeLease(deliveries: readonly Delivery[], granted: number, ordered: boolean): Promise<void> {
    const wanted = leaseSeconds(this.#options.leaseMs);
    if (deliveries.length === 0 || wanted === granted || (wanted > granted && !ordered)) return;
    await this.#extend(deliveries.map(receiptOf), wanted);
  }

  async #extend(receipts: readonly ReturnType<typeof receiptOf>[], seconds: number): Promise<void> {
    const until = this.#options.clock.now() + seconds * 1_000;
    const failures = await modifyDeadlines(await this.#target(), receipts, seconds);
    for (const receipt of receipts) if (!failures.has(receipt.ackId)) receipt.leaseUntil = until;
  }

  /** A verdict over the head of a key lets the next one out, or sends those behind it after it. */
  async #moveLanes(
    target: SettleTarget,
    operations: readonly Operation[],
    results: readonly SettleResult[],
  ): Promise<void> {
    const back = new Map<number, Delivery[]>();
    const giveBack = (deliveries: readonly Delivery[], seconds: number): void => {
      if (deliveries.length > 0) back.set(seconds, [...(back.get(seconds) ?? []), ...deliveries]);
    };
    for (const [index, operation] of operations.entries()) {
      const { kind, delivery } = operation;
      const result = results[index];
      if (delivery.orderingKey === undefined) continue;
      if (result?.ok === false) {
        if (result.error.kind === "lease_lost") giveBack(this.#lanes.scatter(delivery), 0);
      } else if (kind === "release") {
        giveBack(this.#lanes.scatter(delivery), Math.ceil(operation.delayMs / 1_000));
      } else if (kind === "ack") {
        const next = this.#lanes.advance(delivery);
        if (next === undefined) continue;
        if (this.#stopped) giveBack([next, ...this.#lanes.scatter(next)], 0);
        else this.#ready.push(next);
      }
    }
    this.#keepWaiting();
    this.#pulls.wake();
    for (const [seconds, deliveries] of back)
      await modifyDeadlines(target, deliveries.map(receiptOf), seconds);
  }

  /** Extends what waits: behind another message, for as long as that one is held, or for somebody to take it. */
  #keepWaiting(): void {
    if (this.#closed || this.#upkeep !== undefined) return;
    if (this.#lanes.holding === 0 && this.#ready.length === 0) return;
    const { clock, leaseMs } = this.#options;
    const seconds = leaseSeconds(leaseMs);
    this.#upkeep = clock.timer((seconds * 1_000) / 3, () => {
      this.#upkeep = undefined;
      const now = clock.now();
      // Whoever held the head has lost it: those behind it come again after it, when their own leases end.
      this.#lanes.scatterLapsed(now);
      this.#dropLapsed(now);
      if (now - this.#askedAt > KEPT_MS) this.#giveBackReady();
      const by = now + (seconds * 2_000) / 3;
      const ready = this.#ready.map(receiptOf).filter(({ leaseUntil }) => leaseUntil <= by);
      const due = [...this.#lanes.dueBy(by), ...ready];
      // One that fails is tried again the next time, while there is time.
      if (due.length > 0) this.#extend(due, seconds).catch(() => {});
      this.#keepWaiting();
    });
  }

  #giveBackReady(): void {
    const back = this.#ready.splice(0).flatMap((delivery) => [delivery, ...this.#lanes.lapsed(delivery)]);
    if (back.length > 0) this.#extend(back.map(receiptOf), 0).catch(() => {});
  }

  async #target(): Promise<SettleTarget> {
    const { queue, connections, subscriptions, clock } = this.#options;
    const clients = await connections.clients();
    return { clients, subscription: subscriptions.name(clients.project, queue), clock };
  }
}
