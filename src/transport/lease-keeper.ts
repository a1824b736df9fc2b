import type { Clock, Timer } from "../lib/clock.ts";
import type { Source } from "../driver/contract.ts";
import { DriverError } from "../driver/error.ts";
import type { Limits } from "../driver/limits.ts";
import { InFlightSet } from "../lib/in-flight-set.ts";
import { type Leased, leaseEnd } from "./leased.ts";

export interface LeaseKeeperOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly leaseMs: number;
  /** A lease is extended when it is this old. */
  readonly extendEveryMs: number;
  /** Called after each confirmed extension. Must not throw. */
  readonly onExtended?: ((leased: Leased) => void) | undefined;
}

/**
 * Keeps the leases of all messages in one process by one sweep, not by a timer each. Extensions are sent apart from other
 * settlements, so that they never wait behind acknowledgements. A lease that ends without a confirmed extension counts as
 * lost: another receiver may have the message.
 */
export class LeaseKeeper {
  readonly #source: Source;
  readonly #options: LeaseKeeperOptions;
  readonly #held = new InFlightSet<Leased>();
  #timer: Timer | undefined;
  /** When the next sweep is, in milliseconds of the monotonic clock. */
  #sweepAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(source: Source, options: LeaseKeeperOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Number of leases that are kept. */
  get size(): number {
    return this.#held.size;
  }

  add(leased: Leased): void {
    leased.held = this.#held.add(leased);
    if (this.#stopped) return;
    if (this.#timer === undefined) this.#arm(this.#options.extendEveryMs / 2);
    // A message that arrived late, with little of its lease left, does not wait for the next sweep.
    if (leased.leaseUntil <= this.#sweepAt) this.#arm(0);
  }

  /** Whether the lease is kept: it was neither lost nor removed, and the keeper was not stopped. */
  keeps(leased: Leased): boolean {
    return holds(leased);
  }

  /** Stops keeping a lease. False if it was not kept any more. */
  remove(leased: Leased): boolean {
    return leased.held !== undefined && this.#held.remove(leased.held);
  }

  /**
   * Extends one lease now.
   * @throws DriverError `lease_lost` if the lease was lost or the message settled; the error of the request
   */
  async extend(leased: Leased): Promise<void> {
    // One extension at a time: code that waits for the extension under way has to wait for the last one.
    while (leased.extending !== undefined) await leased.extending;
    if (!holds(leased)) {
      throw new DriverError("lease_lost", "the lease was lost, or the message was settled");
    }
    const [error] = await this.#extend([leased]);
    if (error !== undefined) throw error;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#held.clear();
  }

  #arm(ms: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#sweepAt = clock.monotonic() + ms;
    this.#timer = clock.timer(ms, () => {
      this.#timer = undefined;
      this.#sweep();
    });
  }

  #sweep(): void {
    if (this.#held.size === 0) return;
    const { clock, limits, leaseMs, extendEveryMs } = this.#options;
    const now = clock.monotonic();
    const due: Leased[] = [];
    let nextMs = extendEveryMs / 2;
    for (const leased of this.#held.all()) {
      // A released message is not extended: the loss of one lease may release the messages behind it.
      if (!holds(leased)) continue;
      const leftMs = leased.leaseUntil - now;
      // Another receiver may have the message from this moment on. An extension now would leave it with two owners.
      if (leftMs <= 0) {
        this.#lose(leased);
        continue;
      }
      const extendable = leased.extending === undefined && now < leased.receivedAt + limits.maxTotalLeaseMs;
      if (extendable && leftMs <= leaseMs - extendEveryMs) due.push(leased);
      // The next sweep comes when the first lease ends, so that its end is noticed at once.
      if (leftMs < nextMs) nextMs = leftMs;
    }
    const still = due.filter(holds);
    for (let from = 0; from < still.length; from += limits.maxSettleBatch) {
      void this.#extend(still.slice(from, from + limits.maxSettleBatch));
    }
    if (!this.#stopped) this.#arm(Math.max(1, nextMs));
  }

  /** Resolves with the error of each message. Never rejects. */
  #extend(batch: readonly Leased[]): Promise<(DriverError | undefined)[]> {
    const { clock, limits, leaseMs, onExtended } = this.#options;
    const now = clock.monotonic();
    const requests = batch.map((leased) => {
      const mostMs = leased.receivedAt + limits.maxTotalLeaseMs - now;
      return { kind: "extend" as const, delivery: leased.delivery, leaseMs: Math.min(leaseMs, mostMs) };
    });
    const extending = (async (): Promise<(DriverError | undefined)[]> => {
      try {
        const results = await this.#source.settle(requests);
        return batch.map((leased, index) => {
          const result = results[index];
          if (result?.ok !== true)
            return (
              result?.error ??
              new DriverError("ambiguous", "the provider's answer did not mention this message")
            );
          const askedMs = requests[index]?.leaseMs ?? leaseMs;
          const { leaseUntil } = result;
          leased.leaseUntil =
            leaseUntil === undefined
              ? now + askedMs
              : Math.min(now + askedMs, leaseEnd(clock, leaseUntil, askedMs));
          return undefined;
        });
      } catch (error) {
        return batch.map(() => error as DriverError);
      }
    })();
    const ended = extending.then((errors) => {
      for (const [index, leased] of batch.entries()) {
        leased.extending = undefined;
        const error = errors[index];
        if (error !== undefined && (error.kind === "lease_lost" || leased.leaseUntil <= clock.monotonic()))
          this.#lose(leased);
        else if (error === undefined) onExtended?.(leased);
      }
    });
    for (const leased of batch) leased.extending = ended;
    return extending;
  }

  #lose(leased: Leased): void {
    if (this.remove(leased)) leased.onLeaseLost();
  }
}

function holds({ held }: Leased): boolean {
  return held !== undefined && held.index >= 0;
}
