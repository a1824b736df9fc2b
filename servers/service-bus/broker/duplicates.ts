/** Duplicate detection: the message ids that an entity has seen within the window. */
export class Duplicates {
  readonly #windowMs: number;
  /** Time by message id, in epoch milliseconds. The map is in order of time. */
  readonly #seen = new Map<string, number>();

  /** @param windowMs length of the window in milliseconds; 0 turns duplicate detection off */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Whether the id was seen within the window. An id that was not is recorded with the time `now`. */
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

  /** Records an id that was seen at `at`, when the journal is read. */
  remember(id: string, at: number): void {
    if (this.#windowMs === 0) return;
    // Deleted first, because the map has to stay in order of time.
    this.#seen.delete(id);
    this.#seen.set(id, at);
  }

  /** Removes an id whose message was refused in the end. */
  forget(id: string): void {
    this.#seen.delete(id);
  }

  entries(): Iterable<[string, number]> {
    return this.#seen;
  }
}
