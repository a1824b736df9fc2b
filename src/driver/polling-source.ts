import { type Clock, systemClock } from "../lib/clock.ts";
import type { Delivery, Operation, SettleResult, Source } from "./contract.ts";
import { DriverError } from "./error.ts";
import { PollRunner } from "./poll-runner.ts";

/** The parts of a source that differ between providers. */
export interface PollingOptions {
  /**
   * Makes one request that leases up to `max` messages. Resolves empty if there is none. A provider that can wait for
   * messages waits up to `waitMs` here. A provider that cannot answers immediately, and {@link wait} waits.
   *
   * `signal` aborts when nobody waits for the messages any more. It is for a wait inside of this process, which then ends.
   * A request that may have leased messages must not be broken off by it: its messages would be hidden for a whole lease.
   */
  readonly claim: (max: number, waitMs: number, signal: AbortSignal) => Promise<Delivery[]>;
  /** Settles deliveries, as `Source.settle` does. It is not called after `close`. */
  readonly settle: (operations: readonly Operation[]) => Promise<SettleResult[]>;
  /**
   * Waits until another claim may find messages: until the next look, the next due time, or the end of the next lease.
   * `ms` is the rest of the wait of the call. Must end when `signal` aborts, which {@link PollingSource.wake} does as well.
   * Without it, `claim` waits.
   */
  readonly wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Longest wait of a call of `next`, in milliseconds: `OpenOptions.waitMs`, or `limits.longPollMs`. */
  readonly waitMs: number;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** Frees what the source holds at the provider, such as a subscription. Called once. */
  readonly close?: (() => Promise<void>) | undefined;
}

/** A source that claims messages by requests. */
export interface PollingSource extends Source {
  /**
   * Makes the waiting calls claim again. For notifications of the provider. A notification that arrives during a claim is
   * not missed: the claim is repeated before the next wait.
   */
  wake(): void;
}

/**
 * Creates a source from a request that claims messages and one that settles them. Aborted calls, late messages, `stop`,
 * `prefetch`, `close` and wake-ups are done here, as the contract of `Source` describes.
 *
 * @example
 * open(queue, { leaseMs, waitMs = this.limits.longPollMs }) {
 *   return pollingSource({
 *     claim: (max) => this.#connection.claim(queue, max, leaseMs),
 *     settle: (operations) => this.#connection.settle(queue, operations),
 *     wait: (ms, signal) => sleep(systemClock, Math.min(ms, 1_000), signal),
 *     waitMs,
 *   });
 * }
 */
export function pollingSource(options: PollingOptions): PollingSource {
  return new Polling(options);
}

class Polling implements PollingSource {
  readonly #options: PollingOptions;
  readonly #clock: Clock;
  readonly #polls: PollRunner;
  /** Ends each wait between two claims. */
  readonly #sleeping = new Set<AbortController>();
  #wakes = 0;
  #closing: Promise<void> | undefined;

  constructor(options: PollingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const request = (max: number, signal: AbortSignal): Promise<Delivery[]> => this.#claim(max, signal);
    this.#polls = new PollRunner(request, this.#clock, options.waitMs);
  }

  next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    return this.#polls.next(max, signal);
  }

  settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    if (this.#closing === undefined) return this.#options.settle(operations);
    return Promise.reject(new DriverError("permanent", "The source is closed."));
  }

  stop(): Promise<Delivery[]> {
    return this.#polls.stop();
  }

  close(): Promise<void> {
    this.#polls.close();
    return (this.#closing ??= this.#options.close?.() ?? Promise.resolve());
  }

  wake(): void {
    this.#wakes += 1;
    for (const sleeping of this.#sleeping) sleeping.abort();
  }

  /** Claims until there is a message, the wait is over, or nobody waits any more. */
  async #claim(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const { claim, wait, waitMs } = this.#options;
    if (wait === undefined) return claim(max, waitMs, signal);
    const until = this.#clock.monotonic() + waitMs;
    for (let leftMs = waitMs; ;) {
      const wakes = this.#wakes;
      const deliveries = await claim(max, leftMs, signal);
      leftMs = until - this.#clock.monotonic();
      if (deliveries.length > 0 || signal.aborted || leftMs <= 0) return deliveries;
      if (wakes === this.#wakes) await this.#sleep(wait, leftMs, signal);
      if (signal.aborted) return [];
      leftMs = Math.max(0, until - this.#clock.monotonic());
    }
  }

  /** Waits until `wait` ends, or until the sleep is ended by {@link wake} or by `signal`. */
  async #sleep(wait: NonNullable<PollingOptions["wait"]>, ms: number, signal: AbortSignal): Promise<void> {
    const sleeping = new AbortController();
    const end = (): void => sleeping.abort();
    this.#sleeping.add(sleeping);
    signal.addEventListener("abort", end, { once: true });
    try {
      await wait(ms, sleeping.signal);
    } finally {
      this.#sleeping.delete(sleeping);
      signal.removeEventListener("abort", end);
    }
  }
}
