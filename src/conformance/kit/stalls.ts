/** Between two looks; a look that is as much late again means that the process stood still. */
const TICK_MS = 50;

/**
 * When this process stood still: its machine had other things to do, or it was busy itself. What happens late for that
 * is no fault of an adapter's.
 */
export class Stalls {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #stalls: { readonly from: number; readonly to: number }[] = [];
  #lookedAt: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#lookedAt = now();
    this.#timer = setInterval(() => this.#look(), TICK_MS).unref();
  }

  /** How much of the time between two moments, in epoch milliseconds. */
  between(from: number, to: number): number {
    this.#look();
    return this.#stalls.reduce(
      (sum, stall) => sum + Math.max(0, Math.min(to, stall.to) - Math.max(from, stall.from)),
      0,
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = this.#now();
    if (now - this.#lookedAt > 2 * TICK_MS) this.#stalls.push({ from: this.#lookedAt + TICK_MS, to: now });
    this.#lookedAt = now;
  }
}
