interface WaitingSettlement {
  readonly isAlone: boolean;
  readonly begin: () => void;
}

/**
 * Passes settlements to the SDK in separate turns of the event loop, so that they do not get each other's outcome.
 *
 * The SDK's AMQP library (rhea up to 3.0.5) puts the deliveries that are settled within one turn into frames of
 * consecutive deliveries. It does not compare the outcomes of the first two deliveries of a frame: the second one gets
 * the outcome of the first. A message that is dead-lettered or released right after another one is completed would be
 * completed too, and lost. Completions may share a turn, since they have the same outcome. Any other settlement gets a
 * turn of its own.
 */
export class SettleSerializer {
  readonly #waiting: WaitingSettlement[] = [];
  /** Kind of the present turn: not in use, shared by completions, or taken by a single settlement. */
  #turn: "none" | "shared" | "single" = "none";

  /**
   * Calls `begin` in a suitable turn, which may be the present one.
   * @param isAlone true for a settlement that needs a turn of its own
   */
  pass(isAlone: boolean, begin: () => void): void {
    if (this.#turn === "shared" && !isAlone && this.#waiting.length === 0) {
      begin();
      return;
    }
    this.#waiting.push({ isAlone, begin });
    if (this.#turn === "none") this.#next();
  }

  #next(): void {
    const [first] = this.#waiting;
    this.#turn = first === undefined ? "none" : first.isAlone ? "single" : "shared";
    if (first === undefined) return;
    do this.#waiting.shift()?.begin();
    while (this.#turn === "shared" && this.#waiting[0]?.isAlone === false);
    // rhea writes what was settled in this turn before the next turn begins.
    setImmediate(() => this.#next());
  }
}
