/** The message ids of the last while. */
export class Duplicates {
  readonly #windowMs: number;
  /** In the order of their times. */
  readonly #seen = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Whether this id was there inside the window; if not, it is from now on. */
  isRepeated(id: string, now: number): boolean {
    if (this.#windowMs === 0) return false;
    for (const [old, at] of this.#seen) {
      if (at > now - this.#windowMs) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(id)) return true;
    this.#seen.set(id, now);
    return false;
  }

  remember(id: string, at: number): void {
    if (this.#windowMs === 0) return;
    // It takes its place by its time.
    this.#seen.delete(id);
    this.#seen.set(id, at);
  }

  /** It was not taken in after all. */
  forget(id: string): void {
    this.#seen.delete(id);
  }

  entries(): Iterable<[string, number]> {
    return this.#seen;
  }
}
