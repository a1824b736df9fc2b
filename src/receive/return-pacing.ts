/** What a run is taken to last until one of its type has ended. */
const FIRST_GUESS_MS = 50;
/** How much the last run tells of the next. */
const WEIGHT = 0.2;
/** Nobody is sent away for longer than about this: another worker may have room before. */
const LONGEST_MS = 15_000;

interface Turn {
  averageMs: number | undefined;
  /** When the next one that is sent away is to come back. */
  nextAt: number;
}

/**
 * When messages come back that found their type at its limit and the waiting room full: one after the other, at the
 * pace at which runs of their type end. Sent away for one fixed time, a backlog of a type that is limited would leave
 * its places empty at first, and then come back all at once.
 */
export class ReturnPacing {
  readonly #byType = new Map<string, Turn>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A run of a type that has a limit has ended. */
  ended(type: string, ranMs: number): void {
    const turn = this.#of(type);
    turn.averageMs =
      turn.averageMs === undefined ? ranMs : turn.averageMs + WEIGHT * (ranMs - turn.averageMs);
  }

  /** How long the next one stays away, in milliseconds. `ahead` wait already, `places` is the type's limit. */
  next(type: string, now: number, places: number, ahead: number): number {
    const turn = this.#of(type);
    const eachMs = (turn.averageMs ?? FIRST_GUESS_MS) / places;
    // It finds the waiting room half empty: not empty, or places would be, and not full, or it came in vain.
    const at = Math.max(turn.nextAt, now + (ahead / 2) * eachMs) + eachMs;
    if (!(at - now < LONGEST_MS)) return LONGEST_MS * (0.5 + this.#random());
    turn.nextAt = at;
    return at - now;
  }

  #of(type: string): Turn {
    let turn = this.#byType.get(type);
    if (turn === undefined) {
      turn = { averageMs: undefined, nextAt: 0 };
      this.#byType.set(type, turn);
    }
    return turn;
  }
}
