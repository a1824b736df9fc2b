import { seeded } from "../seeded.ts";

/** The calls that a rule applies to. A call must meet all conditions. */
export interface RuleMatch<Call> {
  /** @default every call */
  readonly where?: ((call: Call) => boolean) | undefined;
  /** Applies only to call number `nth` of the calls that match, counted from 1. */
  readonly nth?: number | undefined;
  /** Share of the matching calls, from 0 to 1, chosen at random with the proxy's seed. @default 1 */
  readonly share?: number | undefined;
  /** Number of calls that the rule applies to. @default 1, or no limit if `share` is given */
  readonly times?: number | undefined;
}

/** A rule that was added to a proxy. */
export interface Rule extends Disposable {
  /** Number of calls that the rule has applied to. */
  readonly hits: number;
  /** Resolves when the rule applies for the first time. */
  readonly applied: Promise<void>;
  remove(): void;
}

interface ActiveRule<Call, Action> {
  readonly match: RuleMatch<Call>;
  readonly action: Action;
  readonly random: () => number;
  readonly onApplied: () => void;
  seen: number;
  hits: number;
}

/** The rules of one proxy. The first rule that applies to a call decides its fault. */
export class Rules<Call, Action> {
  readonly #seed: number;
  readonly #active = new Set<ActiveRule<Call, Action>>();
  #added = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  add(match: RuleMatch<Call>, action: Action): Rule {
    // Each rule has its own random numbers, so that they do not depend on the calls that other rules see.
    const random = seeded(this.#seed + this.#added);
    const applied = Promise.withResolvers<void>();
    const rule = { match, action, random, onApplied: applied.resolve, seen: 0, hits: 0 };
    this.#added += 1;
    this.#active.add(rule);
    const remove = (): void => void this.#active.delete(rule);
    return {
      get hits(): number {
        return rule.hits;
      },
      applied: applied.promise,
      remove,
      [Symbol.dispose]: remove,
    };
  }

  pick(call: Call): Action | undefined {
    for (const rule of this.#active) {
      if (!applies(rule, call)) continue;
      rule.hits += 1;
      rule.onApplied();
      return rule.action;
    }
    return undefined;
  }
}

function applies<Call>(rule: ActiveRule<Call, unknown>, call: Call): boolean {
  const { where, nth, share, times = share === undefined ? 1 : Number.POSITIVE_INFINITY } = rule.match;
  if (rule.hits >= times || where?.(call) === false) return false;
  rule.seen += 1;
  if (nth !== undefined && rule.seen !== nth) return false;
  return share === undefined || rule.random() < share;
}
