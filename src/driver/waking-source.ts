import { type Clock, systemClock } from "../lib/clock.ts";
import type { Delivery } from "./contract.ts";
import { type PollingOptions, type PollingSource, pollingSource } from "./polling-source.ts";

/** The answer to one claim. */
export interface Claim {
  readonly deliveries: Delivery[];
  /**
   * Milliseconds until a further claim may find a message: until the earliest due time or end of a lease in the queue.
   * Undefined if no message of the queue will become due. Needed only if `deliveries` is empty. 0 or less means
   * that a message is ready which another receiver is taking at this moment.
   */
  readonly dueInMs?: number | undefined;
}

/** The parts of a source that differ between databases. */
export interface WakingOptions extends Pick<PollingOptions, "settle" | "waitMs" | "close"> {
  /**
   * Leases up to `max` messages that are ready, and answers immediately. `signal` aborts when nobody waits for them any
   * more. A request that may have leased messages must not be broken off by it.
   */
  readonly claim: (max: number, signal: AbortSignal) => Promise<Claim>;
  /**
   * The pause between two claims without a wake-up, in milliseconds: `from` after a message or a wake-up, twice as long
   * after each claim that this pause has caused, at most `to`. Bounds the delay of a message whose notification was lost.
   * @default { from: 1000, to: 5000 }
   */
  readonly floorMs?: { readonly from: number; readonly to: number } | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** A source that claims messages when it is notified of them. */
export interface WakingSource extends PollingSource {
  /**
   * Makes the waiting calls claim again: immediately, or in `dueInMs` milliseconds unless they claim earlier anyway. For
   * notifications. A notification that arrives during a claim is not missed.
   *
   * @param dueInMs milliseconds until the message of the notification is due. @default 0
   */
  wake(dueInMs?: number): void;
}

const FLOOR_MS = { from: 1_000, to: 5_000 };
/** The pause after a claim that found a ready message in the hands of another receiver. */
const CONTENDED_MS = 10;

/**
 * Creates a source for a provider that answers immediately and notifies of new messages, such as a database. `next` claims
 * at once. While there is no message, it claims again on {@link WakingSource.wake}, at the due time that the last claim
 * has reported, and after the pause `floorMs`. Aborted calls, late messages, `stop`, `prefetch` and `close` are handled
 * as {@link pollingSource} does.
 *
 * @example
 * open(queue, { leaseMs, waitMs = this.limits.longPollMs }) {
 *   const source = wakingSource({
 *     claim: (max) => this.#database.claim(queue, max, leaseMs),
 *     settle: (operations) => this.#database.settle(queue, operations),
 *     waitMs,
 *     close: async () => stopListening(),
 *   });
 *   const stopListening = this.#listener.on(queue, (dueInMs) => source.wake(dueInMs));
 *   return source;
 * }
 */
export function wakingSource(options: WakingOptions): WakingSource {
  const { claim, clock = systemClock, floorMs = FLOOR_MS, ...rest } = options;
  const alarm = new Alarm(clock, floorMs);
  const source = pollingSource({
    ...rest,
    clock,
    async claim(max, _waitMs, signal) {
      const askedAt = clock.monotonic();
      const { deliveries, dueInMs } = await claim(max, signal);
      if (deliveries.length > 0) alarm.calm();
      else if (dueInMs !== undefined) alarm.at(askedAt + (dueInMs > 0 ? Math.ceil(dueInMs) : CONTENDED_MS));
      return deliveries;
    },
    wait: (ms, signal) => alarm.wait(ms, signal),
  });
  return {
    next: (max, signal) => source.next(max, signal),
    settle: (operations) => source.settle(operations),
    stop: () => source.stop(),
    close: () => source.close(),
    wake(dueInMs = 0) {
      alarm.calm();
      if (dueInMs > 0) alarm.at(clock.monotonic() + Math.ceil(dueInMs));
      else source.wake();
    },
  };
}

/** The earliest time at which a message is known to be due, and the waits that end at it. */
class Alarm {
  readonly #clock: Clock;
  readonly #floorMs: { readonly from: number; readonly to: number };
  #pauseMs: number;
  /** A time of the monotonic clock. It only becomes earlier until it has passed, so no notification is lost to a claim. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** Sets the timers of the waits anew. */
  readonly #waits = new Set<() => void>();

  constructor(clock: Clock, floorMs: { readonly from: number; readonly to: number }) {
    this.#clock = clock;
    this.#floorMs = floorMs;
    this.#pauseMs = floorMs.from;
  }

  /** Makes the next pause a short one again. */
  calm(): void {
    this.#pauseMs = this.#floorMs.from;
  }

  at(dueAt: number): void {
    if (dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    for (const rearm of this.#waits) rearm();
  }

  /** Waits for the due time, for the pause, or for `ms`, whichever is first. Ends early when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const clock = this.#clock;
    const pauseMs = this.#pauseMs;
    const until = clock.monotonic() + Math.min(ms, pauseMs);
    return new Promise((resolve) => {
      const arm = (): ReturnType<Clock["timer"]> =>
        clock.timer(Math.max(0, Math.min(until, this.#dueAt) - clock.monotonic()), onTime);
      const rearm = (): void => {
        timer.cancel();
        timer = arm();
      };
      const end = (): void => {
        timer.cancel();
        this.#waits.delete(rearm);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const onTime = (): void => {
        const now = clock.monotonic();
        if (now >= this.#dueAt) this.#dueAt = Number.POSITIVE_INFINITY;
        else if (now < until) return rearm();
        else if (pauseMs <= ms) this.#pauseMs = Math.min(2 * pauseMs, this.#floorMs.to);
        end();
      };
      let timer = arm();
      this.#waits.add(rearm);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}
