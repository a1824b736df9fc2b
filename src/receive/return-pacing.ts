import { forgetOldest } from "../lib/bounded-map.ts";

/** Types whose pace is remembered. Senders choose the types, and a forgotten one only begins with a guess again. */
const MOST_TYPES = 1_000;
/** Assumed duration of a run until one of its type has ended. */
const FIRST_GUESS_MS = 50;
/** Shortest time for which a message is put aside: each time costs a send and an acknowledgement. */
const SHORTEST_MS = 100;
/** Weight of the last run in the moving average. */
const WEIGHT = 0.2;
/** Longest time for which a message is put aside, about: another worker may have room before. */
const LONGEST_MS = 15_000;

interface Pace {
  averageMs: number | undefined;
  /** When the next message that is put aside is to return, in milliseconds of the monotonic clock. */
  nextAt: number;
  /** When the first message was put aside after the last end of a run, in milliseconds of the monotonic clock. */
  blockedSince: number | undefined;
}

/**
 * Calculates when a message is to be redelivered that found neither a slot of its type nor room to wait. Messages of one
 * type return one after another, at the rate at which runs of the type end. With a fixed delay, the slots of a limited type
 * would first be empty, and then all messages would return at once.
 */
export class ReturnPacing {
  readonly #byType = new Map<string, Pace>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Number of types whose pace is remembered. */
  get size(): number {
    return this.#byType.size;
  }

  /** Records the end of a run of a limited type. */
  ended(type: string, ranMs: number): void {
    const pace = this.#of(type);
    pace.blockedSince = undefined;
    pace.averageMs =
      pace.averageMs === undefined ? ranMs : pace.averageMs + WEIGHT * (ranMs - pace.averageMs);
  }

  /** Milliseconds for which the next message is put aside. `ahead` runs wait already; `limit` is the type's. */
  next(type: string, now: number, limit: number, ahead: number): number {
    const pace = this.#of(type);
    pace.blockedSince ??= now;
    // A run that takes longer than those before shows a new pace before it ends.
    const runMs = Math.max(pace.averageMs ?? FIRST_GUESS_MS, now - pace.blockedSince);
    const eachMs = runMs / limit;
    // Timed to return when half of the waiting runs have started: later, slots might be empty; sooner, there would be no room.
    const at = Math.max(pace.nextAt, now + (ahead / 2) * eachMs) + eachMs;
    if (!(at - now < LONGEST_MS)) return LONGEST_MS * (0.5 + this.#random());
    pace.nextAt = at;
    return Math.max(SHORTEST_MS, at - now);
  }

  #of(type: string): Pace {
    let pace = this.#byType.get(type);
    if (pace === undefined) {
      pace = { averageMs: undefined, nextAt: 0, blockedSince: undefined };
      this.#byType.set(type, pace);
      forgetOldest(this.#byType, MOST_TYPES);
    }
    return pace;
  }
}
