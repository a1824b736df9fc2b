/** Whoever waits for what a pull brings. */
export interface Waiter {
  /** Called once something is there, or the pull has ended without. */
  wake(): void;
  fail(error: unknown): void;
}

/** One `Pull` that is under way. */
export interface Pull {
  readonly cancel: AbortController;
  waiter: Waiter | undefined;
  /** Given up by who waited for it: nobody else is to rely on it. */
  abandoned: boolean;
  ended: Promise<void>;
}

/** The pulls of one source, and who waits for which. */
export class Pulls {
  /** Whether there is something to take. */
  readonly #more: () => boolean;
  readonly #open = new Set<Pull>();

  constructor(more: () => boolean) {
    this.#more = more;
  }

  /** `request` resolves when what it brought was put where it belongs. */
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

  /** One that nobody waits for any more, and that still may bring something. */
  idle(): Pull | undefined {
    for (const pull of this.#open) if (pull.waiter === undefined && !pull.abandoned) return pull;
    return undefined;
  }

  /** Wakes those who wait, for as long as there is something to take. */
  wake(): void {
    for (const { waiter } of this.#open) {
      if (!this.#more()) return;
      waiter?.wake();
    }
  }

  async ended(): Promise<void> {
    await Promise.all(Array.from(this.#open, ({ ended }) => ended));
  }

  cancel(): void {
    for (const { cancel } of this.#open) cancel.abort();
  }
}
