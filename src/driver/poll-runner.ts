import type { Clock } from "../lib/clock.ts";
import { InFlightSet } from "../lib/in-flight-set.ts";
import type { Delivery } from "./contract.ts";
import { DriverError } from "./error.ts";

/**
 * Makes one request to the provider for at most `max` messages.
 *
 * @param signal aborts when nobody waits for the messages any more. A request that waits inside of this process then
 * ends; a request that is under way goes on, and its deliveries are kept.
 */
export type PollRequest = (max: number, signal: AbortSignal) => Promise<Delivery[]>;

/**
 * The time after its wait from which a request counts as lost, in milliseconds. Shorter than the core's 15 s, so that the
 * call with which the core replaces a lost one makes a request of its own.
 */
const LOST_AFTER_MS = 10_000;

/** A call of `next` that waits. */
interface Call {
  readonly max: number;
  end(deliveries: Delivery[]): void;
  fail(error: unknown): void;
}

/** A delivery that arrived when nobody waited for it, with the end of its lease on the monotonic clock. */
interface KeptDelivery {
  readonly delivery: Delivery;
  readonly leaseUntil: number;
}

/** A request that is under way. */
interface Request {
  readonly max: number;
  /** A time of the monotonic clock. */
  readonly startedAt: number;
  readonly abandon: AbortController;
  /** Whether it still counts. A lost request does not, so that it does not block further ones. */
  counts: boolean;
}

/**
 * The polls of one source: implements `Source.next` and `Source.stop` on top of single requests. Calls and requests are
 * not tied to each other. A delivery goes to the call that has waited longest, or to a later one if none waits. A request
 * is made only for messages that calls ask for and that neither are kept nor were requested before. So an abandoned call
 * loses no message, and all messages together never exceed those that the core asked for.
 */
export class PollRunner {
  readonly #request: PollRequest;
  readonly #clock: Clock;
  readonly #waitMs: number;
  /** In the order in which the calls were made. */
  readonly #calls = new Set<Call>();
  readonly #requests = new Set<Request>();
  /** No `Set`: its former tables would keep the deliveries of polls that ended long ago in memory. */
  readonly #running = new InFlightSet<Promise<void>>();
  #kept: KeptDelivery[] = [];
  #stopped = false;
  #closed = false;

  /** @param waitMs the longest wait of a request for a message */
  constructor(request: PollRequest, clock: Clock, waitMs: number) {
    this.#request = request;
    this.#clock = clock;
    this.#waitMs = waitMs;
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
      const leave = (): void => {
        this.#calls.delete(call);
        signal.removeEventListener("abort", onAbort);
      };
      const call: Call = {
        max,
        end: (deliveries) => {
          leave();
          resolve(deliveries);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void => {
        call.end([]);
        this.#abandonSurplus();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#calls.add(call);
      this.#ask();
    });
  }

  /** Implements `Source.stop`: ends the waiting calls, waits for the requests that are under way. Idempotent. */
  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    for (const call of this.#calls) call.end([]);
    for (const { abandon } of this.#requests) abandon.abort();
    await Promise.all(this.#running.all());
    return this.#takeKept(this.#kept.length);
  }

  /** Ends the waiting calls, without waiting for their requests. Idempotent. */
  close(): void {
    this.#closed = true;
    void this.stop();
  }

  /** The messages that calls ask for and that no request asks for. Negative after a call was abandoned. */
  #missing(): number {
    const lostBefore = this.#clock.monotonic() - this.#waitMs - LOST_AFTER_MS;
    let missing = 0;
    for (const { max } of this.#calls) missing += max;
    for (const request of this.#requests) {
      if (request.startedAt <= lostBefore) request.counts = false;
      if (request.counts) missing -= request.max;
    }
    return missing;
  }

  /** Makes a request for the messages that no request asks for. */
  #ask(): void {
    if (this.#stopped) return;
    const missing = this.#missing();
    if (missing <= 0) return;
    let most = 0;
    for (const { max } of this.#calls) most = Math.max(most, max);
    this.#start(Math.min(missing, most));
  }

  #start(max: number): void {
    const startedAt = this.#clock.monotonic();
    const request: Request = { max, startedAt, abandon: new AbortController(), counts: true };
    this.#requests.add(request);
    const ended = (deliveries: Delivery[]): void => {
      this.#remove(request, member);
      this.#received(deliveries, request);
    };
    const failed = (error: unknown): void => {
      this.#remove(request, member);
      // The call that has waited longest hears of it. Without a call, the next request fails alike.
      for (const call of this.#calls) return call.fail(error);
    };
    const member = this.#running.add(this.#request(max, request.abandon.signal).then(ended, failed));
  }

  #remove(request: Request, member: ReturnType<InFlightSet<Promise<void>>["add"]>): void {
    this.#requests.delete(request);
    this.#running.remove(member);
  }

  /**
   * The only place that decides where a delivery goes. A delivery that was not kept is handed out whatever its lease: the
   * core reports the end of a lease that was lost on the way.
   */
  #received(deliveries: Delivery[], { abandon }: Request): void {
    // The wait of the request is over, and with it the wait of one call, unless the request was cut short.
    let endsEmpty = deliveries.length === 0 && this.#kept.length === 0 && !abandon.signal.aborted;
    let fresh = deliveries;
    for (const call of this.#calls) {
      const kept = this.#takeKept(call.max);
      const most = call.max - kept.length;
      const given = fresh.length <= most ? fresh : fresh.slice(0, most);
      if (kept.length === 0 && given.length === 0 && !endsEmpty) break;
      fresh = fresh.length <= most ? [] : fresh.slice(most);
      endsEmpty = false;
      call.end(kept.length === 0 ? given : [...kept, ...given]);
    }
    this.#keep(fresh);
    if (this.#calls.size > 0) this.#ask();
  }

  /** Cuts short the requests whose messages nobody waits for. */
  #abandonSurplus(): void {
    let surplus = -this.#missing();
    for (const { max, abandon } of this.#requests) {
      if (max > surplus) continue;
      surplus -= max;
      abandon.abort();
    }
  }

  #takeKept(max: number): Delivery[] {
    if (this.#kept.length === 0) return [];
    const now = this.#clock.monotonic();
    const aheadMs = now - this.#clock.now();
    // The provider delivers a message again whose lease has ended.
    const live = this.#kept.filter(({ leaseUntil }) => leaseUntil > now);
    this.#kept = live.splice(max);
    // The time of day may have been set meanwhile, so the end of the lease is stated anew.
    return live.map(({ delivery, leaseUntil }) => ({ ...delivery, leaseUntil: leaseUntil - aheadMs }));
  }

  #keep(deliveries: readonly Delivery[]): void {
    const aheadMs = this.#clock.monotonic() - this.#clock.now();
    for (const delivery of deliveries)
      this.#kept.push({ delivery, leaseUntil: delivery.leaseUntil + aheadMs });
  }
}
