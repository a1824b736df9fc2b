import { type Clock, sleep, type Timer } from "../lib/clock.ts";
import type { Connection } from "../transport/connection.ts";
import type { Delivery, Source } from "../driver/contract.ts";
import { DriverError } from "../driver/error.ts";
import { onRejection } from "../lib/rejection.ts";
import { LeaseKeeper } from "../transport/lease-keeper.ts";
import { type Leased, plainLease } from "../transport/leased.ts";
import { Settler } from "../transport/settler.ts";

/** Lease of the messages that a scan has read. It is extended while the scan goes on. */
const LEASE_MS = 300_000;
/** Time that a poll waits for messages. */
const WAIT_MS = 1_000;
/** Added to the wait; after both, a poll counts as lost. */
const STALLED_AFTER_MS = 15_000;
/**
 * Silence after which the queue counts as read to its end. Two polls, since a distributed queue may miss messages in one;
 * a little less than both, since their timers may be a little early.
 */
const SILENCE_MS = 2 * WAIT_MS - 100;
/** A poll during which this process stood still for so long is no silence: its time passed before messages were read. */
const STANDSTILL_MS = WAIT_MS / 2;
/** Time after which a scan fails that gets neither messages nor silence. */
const NO_SILENCE_MS = 30_000;
/** Time between two looks at the clock during a poll. */
const LOOK_MS = 100;
/** Pause between polls of a server that answers without waiting. */
const PAUSE_MS = 50;

/** The decision about a dead letter: it is kept, or removed, with callbacks for the outcome of the removal. */
export type ScanDecision =
  | "keep"
  | {
      readonly removed: () => void;
      /** Called if the message could not be removed. */
      readonly stayed?: (error: unknown) => void;
    };

/**
 * Reads a queue once, from end to end. Kept messages stay leased until the scan ends, and are then released. Removed
 * messages are settled on the way. So a scan holds only the kept messages, without their bodies, however long the queue.
 */
export class Scan {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #source: Source;
  readonly #leaseMs: number;
  readonly #leases: LeaseKeeper;
  readonly #settler: Settler;
  readonly #kept = new Map<string, Leased>();
  /** Errors of failed removals, by message id. */
  readonly #failures = new Map<string, unknown>();

  /** @param fixedLeaseMs lease that the queue prescribes, in milliseconds */
  constructor(connection: Connection, queue: string, fixedLeaseMs?: number) {
    const leaseMs = fixedLeaseMs ?? Math.min(LEASE_MS, connection.limits.maxLeaseMs);
    this.#connection = connection;
    this.#queue = queue;
    this.#leaseMs = leaseMs;
    this.#source = connection.open(queue, { prefetch: Number.MAX_SAFE_INTEGER, leaseMs, waitMs: WAIT_MS });
    this.#leases = new LeaseKeeper(this.#source, {
      clock: connection.clock,
      limits: connection.limits,
      leaseMs,
      extendEveryMs: leaseMs / 3,
    });
    this.#settler = new Settler(connection, this.#source, queue, (event) => {
      if (event.event === "settle_failed") this.#failures.set(event.id, event.error);
    });
  }

  /** Calls `decide` for each message, a batch at a time, until the end of the queue, `enough`, or the signal. */
  async run(
    decide: (delivery: Delivery) => Promise<ScanDecision>,
    enough: () => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    try {
      while (!enough() && signal?.aborted !== true) {
        const deliveries = await this.#next();
        if (deliveries.length === 0) break;
        // All are awaited even if one fails, since a message that was redriven is removed here.
        const decided = await Promise.allSettled(
          deliveries.map((delivery) => this.#decide(delivery, decide)),
        );
        const failed = decided.find((one) => one.status === "rejected");
        if (failed !== undefined) throw failed.reason;
      }
    } finally {
      await this.#end();
    }
  }

  async #decide(delivery: Delivery, decide: (delivery: Delivery) => Promise<ScanDecision>): Promise<void> {
    const leased = this.#bodiless(delivery);
    this.#leases.add(leased);
    const before = this.#kept.get(leased.id);
    if (before !== undefined) {
      // The lease was lost, and the message is redelivered: it was decided about before.
      this.#leases.remove(before);
      this.#kept.set(leased.id, leased);
      return;
    }
    let decision: ScanDecision = "keep";
    try {
      decision = await decide(delivery);
    } finally {
      if (decision === "keep") this.#kept.set(leased.id, leased);
      else await this.#remove(leased, decision);
    }
  }

  async #remove(leased: Leased, decision: Exclude<ScanDecision, "keep">): Promise<void> {
    this.#leases.remove(leased);
    if (await this.#settler.settle({ kind: "ack", delivery: leased.delivery }, leased)) {
      decision.removed();
      return;
    }
    // The message may be redelivered during the scan, and was decided about.
    this.#kept.set(leased.id, leased);
    const error = this.#failures.get(leased.id);
    decision.stayed?.(error ?? new Error("its lease was lost before it was removed"));
    // Ends the scan: if the provider refuses a removal, others would be sent a second time as well.
    if (error !== undefined) throw error;
  }

  /**
   * Resolves with the next messages; with none at the end of the queue.
   * @throws DriverError `transient` if the provider does not answer, or if the end of the queue is not found
   */
  async #next(): Promise<Delivery[]> {
    const { clock } = this.#connection;
    const until = clock.monotonic() + NO_SILENCE_MS;
    let silentMs = 0;
    while (silentMs < SILENCE_MS) {
      if (await this.#isEmpty()) break;
      if (clock.monotonic() >= until) {
        throw new DriverError(
          "transient",
          `The end of the queue "${this.#queue}" was not found within ${NO_SILENCE_MS} ms, because this process stood still again and again`,
        );
      }
      const polledAt = clock.monotonic();
      const standstill = new Standstill(clock);
      const deliveries = await this.#poll().finally(() => standstill.end());
      if (deliveries.length > 0) return deliveries;
      const tookMs = clock.monotonic() - polledAt;
      if (standstill.longestMs < STANDSTILL_MS) silentMs += Math.max(tookMs, PAUSE_MS);
      if (tookMs < PAUSE_MS) await sleep(clock, PAUSE_MS);
    }
    return [];
  }

  /**
   * Polls once. Messages that a lost poll returns later are released at the end.
   * @throws DriverError `transient` if the poll is not answered: it says nothing about the queue
   */
  async #poll(): Promise<Delivery[]> {
    const { clock, limits } = this.#connection;
    const stalled = new AbortController();
    const stalledMs = WAIT_MS + STALLED_AFTER_MS;
    const watch = clock.timer(stalledMs, () => stalled.abort(STALLED));
    try {
      const deliveries = await this.#source.next(limits.maxReceive, stalled.signal);
      if (deliveries.length === 0 && stalled.signal.aborted) {
        throw new DriverError(
          "transient",
          `A poll of "${this.#queue}" was not answered within ${stalledMs} ms`,
        );
      }
      return deliveries;
    } finally {
      watch.cancel();
    }
  }

  /** Whether exact counts of the provider say that nothing is left, so that silence need not be waited for. */
  async #isEmpty(): Promise<boolean> {
    try {
      const stats = await this.#connection.stats(this.#queue);
      return !stats.approximate && stats.ready === 0;
    } catch {
      return false;
    }
  }

  async #end(): Promise<void> {
    const late = await this.#source.stop();
    const all = [...this.#kept.values(), ...late.map((delivery) => this.#bodiless(delivery))];
    for (const leased of all) await leased.extending;
    this.#leases.stop();
    await Promise.all(
      all.map((leased) =>
        this.#settler.settle({ kind: "release", delivery: leased.delivery, delayMs: 0 }, leased),
      ),
    );
    await this.#source.close();
  }

  /** A lease that keeps no body in memory. */
  #bodiless(delivery: Delivery): Leased {
    return plainLease(
      { ...delivery, body: "", attributes: {}, native: undefined },
      this.#connection.clock,
      this.#leaseMs,
    );
  }
}

const STALLED = new Error("the poll did not answer");

/** Measures for how long this process stands still, by a timer that fires late. */
class Standstill {
  longestMs = 0;
  readonly #clock: Clock;
  #expectedAt = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#arm();
  }

  end(): void {
    this.#measure();
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#expectedAt = this.#clock.monotonic() + LOOK_MS;
    this.#timer = this.#clock.timer(LOOK_MS, () => {
      this.#measure();
      this.#arm();
    });
  }

  #measure(): void {
    this.longestMs = Math.max(this.longestMs, this.#clock.monotonic() - this.#expectedAt);
  }
}

/**
 * Calls the user's callbacks during a scan. An error in one must not interrupt the settlement of a message: it ends the scan
 * after the current batch, and is then rethrown to the user.
 */
export class Callbacks {
  #thrown: { readonly error: unknown } | undefined;

  get failed(): boolean {
    return this.#thrown !== undefined;
  }

  /** Calls a callback. An error that it throws, or with which its promise rejects, ends the operation. */
  call(callback: () => unknown): void {
    const failed = (error: unknown): void => {
      this.#thrown ??= { error };
    };
    try {
      onRejection(callback(), failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Asks a callback. One that throws, or whose promise rejects, ends the operation, and its answer is no. */
  async ask(callback: () => boolean | Promise<boolean>): Promise<boolean> {
    try {
      return await callback();
    } catch (error) {
      this.#thrown ??= { error };
      return false;
    }
  }

  rethrow(): void {
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}
