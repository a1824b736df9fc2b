/** Messages whose hand-backs are remembered; beyond that the oldest are forgotten. */
const MOST = 5_000;

/**
 * How often this receiver gave each message back without having started it. The broker counts each of these as a
 * delivery, and none was an attempt: on a queue that keeps order, every failure of a head costs those behind it one.
 * What another process gave back is not known here.
 */
export class ReleaseCounts {
  /** By the broker's id of the copy, the longest unchanged first. */
  readonly #counts = new Map<string, number>();

  add(brokerId: string): void {
    const count = this.of(brokerId) + 1;
    this.#counts.delete(brokerId);
    this.#counts.set(brokerId, count);
    if (this.#counts.size <= MOST) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      break;
    }
  }

  of(brokerId: string): number {
    return this.#counts.size === 0 ? 0 : (this.#counts.get(brokerId) ?? 0);
  }
}
