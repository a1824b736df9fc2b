/** Interval between two checks. A check that comes later by another interval shows that the process stood still. */
const TICK_MS = 50;

/**
 * The times at which this process stood still, because its machine was busy or the process itself was. A delay that is
 * caused by that is not the adapter's fault.
 */
export class Stalls {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #stalls: { readonly from: number; readonly to: number }[] = [];
  #checkedAt: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#checkedAt = now();
    this.#timer = setInterval(() => this.#check(), TICK_MS).unref();
  }

  /** Milliseconds of standstill between two moments, which are epoch milliseconds. */
  between(from: number, to: number): number {
    this.#check();
    return this.#stalls.reduce(
      (sum, stall) => sum + Math.max(0, Math.min(to, stall.to) - Math.max(from, stall.from)),
      0,
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const now = this.#now();
    if (now - this.#checkedAt > 2 * TICK_MS) this.#stalls.push({ from: this.#checkedAt + TICK_MS, to: now });
    this.#checkedAt = now;
  }
}
