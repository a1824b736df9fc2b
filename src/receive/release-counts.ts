import { forgetOldest } from "../lib/bounded-map.ts";

/** Messages whose releases are remembered; beyond that, the oldest are forgotten. */
const MOST = 5_000;

/**
 * Counts how often this receiver released each message without a run. The broker counts each release as a delivery,
 * although none was an attempt: on a queue that keeps order, each failure of a head costs every message behind it one.
 * Releases of other processes are not known here.
 */
export class ReleaseCounts {
  /** Counts by the broker's id of the copy, the longest unchanged first. */
  readonly #counts = new Map<string, number>();

  add(brokerId: string): void {
    const count = this.of(brokerId) + 1;
    this.#counts.delete(brokerId);
    this.#counts.set(brokerId, count);
    forgetOldest(this.#counts, MOST);
  }

  of(brokerId: string): number {
    return this.#counts.size === 0 ? 0 : (this.#counts.get(brokerId) ?? 0);
  }
}
