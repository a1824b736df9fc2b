const NOBODY_WAITS = new Error("every caller has been answered");

/** One call of the provider for several messages. Once the last caller has been answered, by its deadline, nobody waits for it. */
export class Call {
  readonly #abort = new AbortController();
  #waiting: number;

  constructor(messages: number) {
    this.#waiting = messages;
  }

  /** Aborts when nobody waits for this call any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The caller of one of its messages has been answered, while it is under way. */
  answered(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#abort.abort(NOBODY_WAITS);
  }
}
