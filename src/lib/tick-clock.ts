import type { Clock } from "./clock.ts";
import { atEndOfTick } from "./end-of-tick.ts";

/**
 * The monotonic clock for the sends of one tick, which is read once a millisecond. Many messages are sent in one
 * millisecond, and each has its time of day read anyway.
 */
export class TickClock {
  readonly #clock: Clock;
  /** The time of day at which the monotonic clock was read; NaN if that was in an earlier tick. */
  #readAt = Number.NaN;
  #monotonic = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Milliseconds of the monotonic clock, at most one millisecond old.
   *
   * @param now the time of day
   */
  monotonic(now: number): number {
    if (now === this.#readAt) return this.#monotonic;
    // A time of day can occur twice, if it is set back. So a reading is not kept beyond its tick.
    if (Number.isNaN(this.#readAt)) atEndOfTick(this.#forget);
    this.#readAt = now;
    this.#monotonic = this.#clock.monotonic();
    return this.#monotonic;
  }

  readonly #forget = (): void => {
    this.#readAt = Number.NaN;
  };
}
