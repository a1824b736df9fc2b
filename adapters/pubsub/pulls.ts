/** A call that waits for the messages of a pull. */
export interface Waiter {
  /** Called when there is a message to take, or when the pull has ended. */
  wake(): void;
  fail(error: unknown): void;
}

/** One pull that is under way. */
export interface Pull {
  readonly cancel: AbortController;
  /** Epoch milliseconds after which no other call waits for it, since its connection may be dead. */
  readonly lostAt: number;
  waiter: Waiter | undefined;
  ended: Promise<void>;
}

/** The pulls of one source, and the calls that wait for them. */
export class Pulls {
  /** Whether there is a message to take. */
  readonly #more: () => boolean;
  readonly #open = new Set<Pull>();

  constructor(more: () => boolean) {
    this.#more = more;
  }

  /** Starts a pull. @param lostAt epoch milliseconds @param request resolves once the messages of the pull can be taken */
  start(lostAt: number, request: (signal: AbortSignal) => Promise<void>): Pull {
    const cancel = new AbortController();
    const run = async (): Promise<void> => {
      try {
        await request(cancel.signal);
        this.#open.delete(pull);
        pull.waiter?.wake();
        this.wake();
      } catch (error) {
        this.#open.delete(pull);
        pull.waiter?.fail(error);
      }
    };
    const pull: Pull = { cancel, lostAt, waiter: undefined, ended: Promise.resolve() };
    this.#open.add(pull);
    pull.ended = run();
    return pull;
  }

  /**
   * A pull for which no call waits. A further pull beside it could bring more messages than the source may hold. A pull
   * that is lost does not count.
   */
  idle(now: number): Pull | undefined {
    for (const pull of this.#open) if (pull.waiter === undefined && pull.lostAt > now) return pull;
    return undefined;
  }

  /** Wakes waiting calls while there are messages to take. */
  wake(): void {
    for (const { waiter } of this.#open) {
      if (!this.#more()) return;
      waiter?.wake();
    }
  }

  /** Resolves when all pulls have ended. */
  async ended(): Promise<void> {
    await Promise.all(Array.from(this.#open, ({ ended }) => ended));
  }

  cancel(): void {
    for (const { cancel } of this.#open) cancel.abort();
  }
}
