/** A call that waits for the messages of a pull. */
export interface Waiter {
  /** Called when there is a message to take, or when the pull has ended. */
  wake(): void;
  fail(error: unknown): void;
}

/** One pull that is under way. */
export interface Pull {
  readonly cancel: AbortController;
  waiter: Waiter | undefined;
  /** Whether its caller was aborted. No other call waits for it then, since its connection may be dead. */
  abandoned: boolean;
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

  /** Starts a pull. @param request resolves once the messages of the pull can be taken */
  start(request: (signal: AbortSignal) => Promise<void>): Pull {
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
    const pull: Pull = { cancel, waiter: undefined, abandoned: false, ended: Promise.resolve() };
    this.#open.add(pull);
    pull.ended = run();
    return pull;
  }

  /** A pull for which no call waits, and that was not abandoned. */
  idle(): Pull | undefined {
    for (const pull of this.#open) if (pull.waiter === undefined && !pull.abandoned) return pull;
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
