import { QueueError } from "../errors.ts";

/** The calls that are under way, for which a close waits, and the end of new ones. */
export class PendingWork {
  readonly #closing = new AbortController();
  /** Whether {@link closed} has aborted. Node checks the class of a signal at each read of `aborted`. */
  #isClosing = false;
  readonly #running = new Set<Promise<unknown>>();
  /** Sends without an outcome. A number, since a set of their promises would cost as much as a send. */
  #sends = 0;
  #noSends: () => void = () => undefined;

  /** Aborts when no more work may begin. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** The error of a call that comes too late; undefined while calls may begin. */
  get refusal(): QueueError | undefined {
    return this.#isClosing
      ? new QueueError("closed", "These jobs are closed. Create others with createJobs.")
      : undefined;
  }

  /** @throws QueueError `closed` */
  assertOpen(): void {
    const { refusal } = this;
    if (refusal !== undefined) throw refusal;
  }

  /** Lets {@link close} wait for the end of a call. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Counts a send as under way, until {@link end}. */
  begin(): void {
    this.#sends += 1;
  }

  end(): void {
    this.#sends -= 1;
    if (this.#sends === 0) this.#noSends();
  }

  /** Refuses new calls, and resolves when those that have begun are over. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#closing.abort(new QueueError("closed", "The jobs are closed."));
    await Promise.allSettled(this.#running);
    if (this.#sends > 0) await new Promise<void>((resolve) => (this.#noSends = resolve));
  }
}
