import { seeded } from "../seeded.ts";

/** Which calls a rule applies to; all conditions hold together. */
export interface RuleMatch<Call> {
  /** Undefined is every call. */
  readonly where?: ((call: Call) => boolean) | undefined;
  /** Only this one of the calls that match from now on, counted from 1. */
  readonly nth?: number | undefined;
  /** This share of them, 0 to 1, drawn under the proxy's seed. @default 1 */
  readonly share?: number | undefined;
  /** How often the rule applies before it is spent. @default 1; without limit where `share` is given */
  readonly times?: number | undefined;
}

/** A rule in force. */
export interface Rule extends Disposable {
  /** How often it has applied. */
  readonly hits: number;
  /** Resolves when it has applied for the first time. */
  readonly applied: Promise<void>;
  remove(): void;
}

interface Entry<Call, Action> {
  readonly match: RuleMatch<Call>;
  readonly action: Action;
  readonly random: () => number;
  readonly onApplied: () => void;
  seen: number;
  hits: number;
}

/** The rules of one proxy: the first that applies to a call decides what becomes of it. */
export class Rules<Call, Action> {
  readonly #seed: number;
  readonly #entries = new Set<Entry<Call, Action>>();
  #added = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  add(match: RuleMatch<Call>, action: Action): Rule {
    // A stream of numbers for each rule: what one draws does not depend on what others see.
    const random = seeded(this.#seed + this.#added);
    const applied = Promise.withResolvers<void>();
    const entry = { match, action, random, onApplied: applied.resolve, seen: 0, hits: 0 };
    this.#added += 1;
    this.#entries.add(entry);
    const remove = (): void => void this.#entries.delete(entry);
    return {
      get hits(): number {
        return entry.hits;
      },
      applied: applied.promise,
      remove,
      [Symbol.dispose]: remove,
    };
  }

  pick(call: Call): Action | undefined {
    for (const entry of this.#entries) {
      if (!applies(entry, call)) continue;
      entry.hits += 1;
      entry.onApplied();
      return entry.action;
    }
    return undefined;
  }
}

function applies<Call>(entry: Entry<Call, unknown>, call: Call): boolean {
  const { where, nth, share, times = share === undefined ? 1 : Number.POSITIVE_INFINITY } = entry.match;
  if (entry.hits >= times || where?.(call) === false) return false;
  entry.seen += 1;
  if (nth !== undefined && entry.seen !== nth) return false;
  return share === undefined || entry.random() < share;
}
