import type { Clock } from "../lib/clock.ts";
import { InFlightSet } from "../lib/in-flight-set.ts";
import type { Delivery } from "./contract.ts";
import { DriverError } from "./error.ts";

/**
 * Makes one request to the provider for at most `max` messages.
 *
 * @param signal aborts when nobody waits for this poll any more. A poll that waits inside of this process then ends; a
 * request that is under way goes on, and its deliveries are kept.
 */
export type PollRequest = (max: number, signal: AbortSignal) => Promise<Delivery[]>;

/** A delivery that arrived when nobody waited for it, with the end of its lease on the monotonic clock. */
interface KeptDelivery {
  readonly delivery: Delivery;
  readonly leaseUntil: number;
}

/**
 * The polls of one source. Implements `Source.next` and `Source.stop` on top of a single request: each delivery goes
 * either to the call that waits for it or to a later call, never to both and never to none.
 */
export class PollRunner {
  readonly #request: PollRequest;
  readonly #clock: Clock;
  /** No `Set`: its former tables would keep the deliveries of polls that ended long ago in memory. */
  readonly #running = new InFlightSet<Promise<void>>();
  /** Ends each call of `next` that still waits. */
  readonly #waiting = new InFlightSet<() => void>();
  #kept: KeptDelivery[] = [];
  #stopped = false;
  #closed = false;

  constructor(request: PollRequest, clock: Clock) {
    this.#request = request;
    this.#clock = clock;
  }

  /** The number of leased messages that arrived when nobody waited for them any more. */
  get kept(): number {
    return this.#kept.length;
  }

  /**
   * Implements `Source.next`.
   * @throws DriverError `permanent` after {@link close}
   */
  next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    if (this.#closed) return Promise.reject(new DriverError("permanent", "The source is closed."));
    const kept = this.#takeKept(max);
    if (kept.length > 0 || this.#stopped || signal.aborted) return Promise.resolve(kept);
    return new Promise((resolve, reject) => {
      const abandoned = new AbortController();
      const abandon = (): void => {
        abandoned.abort();
        resolve([]);
      };
      signal.addEventListener("abort", abandon, { once: true });
      const waiting = this.#waiting.add(abandon);
      const running = this.#request(max, abandoned.signal)
        .then((deliveries) => {
          // The only place that decides where a delivery goes.
          if (abandoned.signal.aborted) this.#keep(deliveries);
          else resolve(deliveries);
        }, reject)
        .finally(() => {
          signal.removeEventListener("abort", abandon);
          this.#waiting.remove(waiting);
          this.#running.remove(member);
        });
      const member = this.#running.add(running);
    });
  }

  /** Implements `Source.stop`: ends the waiting calls, waits for the requests that are under way. Idempotent. */
  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    for (const abandon of this.#waiting.all()) abandon();
    await Promise.all(this.#running.all());
    return this.#takeKept(this.#kept.length);
  }

  /** Ends the waiting calls, without waiting for their requests. Idempotent. */
  close(): void {
    this.#closed = true;
    void this.stop();
  }

  #keep(deliveries: readonly Delivery[]): void {
    const aheadMs = this.#clock.monotonic() - this.#clock.now();
    for (const delivery of deliveries)
      this.#kept.push({ delivery, leaseUntil: delivery.leaseUntil + aheadMs });
  }

  /** Leaves out deliveries whose lease has ended: the provider delivers them again. */
  #takeKept(max: number): Delivery[] {
    if (this.#kept.length === 0) return [];
    const now = this.#clock.monotonic();
    const aheadMs = now - this.#clock.now();
    const live = this.#kept.splice(0, max).filter(({ leaseUntil }) => leaseUntil > now);
    // The time of day may have been set meanwhile, so the end of the lease is stated anew.
    return live.map(({ delivery, leaseUntil }) => ({ ...delivery, leaseUntil: leaseUntil - aheadMs }));
  }
}

/** Settles as `work` does, or rejects with `reason()` as soon as `signal` aborts. The work itself goes on. */
export function rejectOnAbort<T>(work: Promise<T>, signal: AbortSignal, reason: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reason());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/**
 * Implements the abort of `Driver.send`: makes a request that cannot be recalled, and stops waiting for it. The request
 * is not made if `signal` was aborted before.
 *
 * @throws DriverError `ambiguous` as soon as `signal` aborts, since the request may be carried out
 */
export async function sendUntilAborted<T>(
  queue: string,
  signal: AbortSignal,
  send: () => Promise<T>,
): Promise<T> {
  const aborted = (): DriverError =>
    new DriverError("ambiguous", `A send to queue "${queue}" was aborted; it may have been carried out.`, {
      cause: signal.reason,
    });
  if (signal.aborted) throw aborted();
  return rejectOnAbort(send(), signal, aborted);
}
