interface Entry {
  readonly isAlone: boolean;
  readonly begin: () => void;
}

/**
 * Lets settlements through to the SDK, turn by turn of the event loop.
 *
 * Its AMQP library, rhea up to 3.0.5, gathers what is settled within one turn into frames of consecutive deliveries,
 * and does not compare the outcomes of the first two of a frame: the second gets that of the first. A message that is
 * dead-lettered, or given back, right behind one that is completed would be completed, and lost. So completions share
 * a turn, among which there is nothing to mix up, and everything else has a turn of its own.
 */
export class SettleSerializer {
  readonly #waiting: Entry[] = [];
  /** What the turn that is going on lets through. */
  #turn: "none" | "together" | "alone" = "none";

  /** Calls `begin` in a turn that suits it; at once, where this one does. */
  pass(isAlone: boolean, begin: () => void): void {
    if (this.#turn === "together" && !isAlone && this.#waiting.length === 0) {
      begin();
      return;
    }
    this.#waiting.push({ isAlone, begin });
    if (this.#turn === "none") this.#next();
  }

  #next(): void {
    const [first] = this.#waiting;
    this.#turn = first === undefined ? "none" : first.isAlone ? "alone" : "together";
    if (first === undefined) return;
    do this.#waiting.shift()?.begin();
    while (this.#turn === "together" && this.#waiting[0]?.isAlone === false);
    // What was begun is written before the next turn: until then the library waits for nothing.
    setImmediate(() => this.#next());
  }
}
