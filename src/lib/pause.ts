/** Lets a receiver's intake through, or not. One gate may serve many receivers. */
export class PauseController {
  #closed = false;
  readonly #waiting = new Set<() => void>();

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    for (const onOpen of this.#waiting) onOpen();
  }

  /** Calls `run` each time the gate is opened, until the returned function is called. */
  onOpen(run: () => void): () => void {
    this.#waiting.add(run);
    return () => this.#waiting.delete(run);
  }
}
