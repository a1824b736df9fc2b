import { sleep } from "../lib/clock.ts";
import type { Connection } from "../transport/connection.ts";
import type { Delivery, Source } from "../driver/contract.ts";
import { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { Leased } from "../transport/leased.ts";
import { Settler } from "../transport/settler.ts";

/** How long a scan holds what it has read; it is extended while the scan goes on. */
const LEASE_MS = 300_000;
/** How long a poll waits here. */
const WAIT_MS = 1_000;
/** Beyond that; then the poll is taken for lost. */
const STALLED_AFTER_MS = 15_000;
/** A queue from which nothing has come for this long has been read to its end: a provider of many parts may miss once. */
const SILENCE_MS = 2 * WAIT_MS;
/** Between polls that do not wait, as some servers answer them. */
const PAUSE_MS = 50;

/** What is to become of a dead letter that was read: kept, or removed, and what to do when that is confirmed, or is not. */
export type Verdict =
  | "keep"
  | {
      readonly removed: () => void;
      /** It is still there. */
      readonly stayed?: (error: unknown) => void;
    };

/**
 * Reads a queue from end to end, once: all that it keeps stays leased until the scan ends, and is then released.
 * What is removed is settled on the way, so that however long the queue, only what is kept is held; and of that,
 * no body.
 */
export class Scan {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #source: Source;
  readonly #leases: LeaseKeeper;
  readonly #settler: Settler;
  readonly #kept = new Map<string, Leased>();
  /** Why removals failed, by the message. */
  readonly #failures = new Map<string, unknown>();

  /** @param fixedLeaseMs the lease that the queue prescribes, where it does */
  constructor(connection: Connection, queue: string, fixedLeaseMs?: number) {
    const leaseMs = fixedLeaseMs ?? Math.min(LEASE_MS, connection.limits.maxLeaseMs);
    this.#connection = connection;
    this.#queue = queue;
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

  /** Gives each message to `judge`, a batch at a time, until the end of the queue, `enough`, or the signal. */
  async run(
    judge: (delivery: Delivery) => Promise<Verdict>,
    enough: () => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    try {
      while (!enough() && signal?.aborted !== true) {
        const deliveries = await this.#next();
        if (deliveries.length === 0) break;
        // All of them to their end, whichever fails: a message that was sent on is removed here.
        const judged = await Promise.allSettled(deliveries.map((delivery) => this.#judge(delivery, judge)));
        const failed = judged.find((one) => one.status === "rejected");
        if (failed !== undefined) throw failed.reason;
      }
    } finally {
      await this.#end();
    }
  }

  async #judge(delivery: Delivery, judge: (delivery: Delivery) => Promise<Verdict>): Promise<void> {
    const leased = leasedOf(delivery, this.#connection.clock.now());
    this.#leases.add(leased);
    const before = this.#kept.get(leased.id);
    if (before !== undefined) {
      // Its lease was lost, and it comes once more: it has been judged.
      this.#leases.remove(before);
      this.#kept.set(leased.id, leased);
      return;
    }
    let verdict: Verdict = "keep";
    try {
      verdict = await judge(delivery);
    } finally {
      if (verdict === "keep") this.#kept.set(leased.id, leased);
      else await this.#remove(leased, verdict);
    }
  }

  async #remove(leased: Leased, verdict: Exclude<Verdict, "keep">): Promise<void> {
    this.#leases.remove(leased);
    if (await this.#settler.settle({ kind: "ack", delivery: leased.delivery }, leased)) {
      verdict.removed();
      return;
    }
    // It may come once more while this goes on, and has been judged.
    this.#kept.set(leased.id, leased);
    const error = this.#failures.get(leased.id);
    verdict.stayed?.(error ?? new Error("its lease was lost before it was removed"));
    // Where the provider lets nothing be removed, the others need not be tried, nor sent a second time.
    if (error !== undefined) throw error;
  }

  async #next(): Promise<Delivery[]> {
    const { clock } = this.#connection;
    const until = clock.now() + SILENCE_MS;
    do {
      if (await this.#isEmpty()) break;
      const polledAt = clock.now();
      const deliveries = await this.#poll();
      if (deliveries.length > 0) return deliveries;
      if (clock.now() - polledAt < PAUSE_MS) await sleep(clock, PAUSE_MS);
    } while (clock.now() < until);
    return [];
  }

  /** A poll that does not answer is taken for an empty one; what it brings later is released at the end. */
  async #poll(): Promise<Delivery[]> {
    const { clock, limits } = this.#connection;
    const stalled = new AbortController();
    const watch = clock.timer(WAIT_MS + STALLED_AFTER_MS, () => stalled.abort(STALLED));
    try {
      return await this.#source.next(limits.maxReceive, stalled.signal);
    } finally {
      watch.cancel();
    }
  }

  /** Where the provider's counts are exact, there is no need to wait for silence. */
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
    const now = this.#connection.clock.now();
    const all = [...this.#kept.values(), ...late.map((delivery) => leasedOf(delivery, now))];
    for (const leased of all) await leased.extending;
    this.#leases.stop();
    await Promise.all(
      all.map((leased) =>
        this.#settler.settle({ kind: "release", delivery: leased.delivery, delayMs: 0 }, leased),
      ),
    );
    await this.#source.close();
  }
}

const STALLED = new Error("the poll did not answer");

function leasedOf(delivery: Delivery, now: number): Leased {
  return {
    delivery: { ...delivery, body: "", attributes: {} },
    id: delivery.brokerId,
    receivedAt: now,
    leaseUntil: delivery.leaseUntil,
    extending: undefined,
    onLeaseLost() {},
  };
}
