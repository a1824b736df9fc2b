/** Pauses and resumes receivers. One controller may serve many receivers. */
export class PauseController {
  #paused = false;
  readonly #listeners = new Set<() => void>();

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` on every resume, until the returned function is called. */
  onResume(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
