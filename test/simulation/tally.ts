import { makePlan } from "./make-plan.ts";
import { runPlan } from "./run-plan.ts";

/** A seed whose run broke a rule. */
export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly text: string;
}

/** What came of many runs. */
export interface Tally {
  readonly runs: number;
  readonly failures: readonly Failure[];
  /** How many faults of each kind happened. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often each point was crashed at. */
  readonly crashedAt: Readonly<Record<string, number>>;
  /** The fewest faults of one run, and the fewest messages. */
  readonly leastFaults: number;
  readonly leastMessages: number;
}

/** Runs `runs` seeds, from `seed` on, every `step`-th. */
export async function runSeeds(seed: number, runs: number, step: number = 1): Promise<Tally> {
  const failures: Failure[] = [];
  const faults: Record<string, number> = {};
  const crashedAt: Record<string, number> = {};
  let leastFaults = Number.POSITIVE_INFINITY;
  let leastMessages = Number.POSITIVE_INFINITY;
  for (let index = 0; index < runs; index += 1) {
    const plan = makePlan(seed + index * step);
    const outcome = await runPlan(plan);
    const [first] = outcome.violations;
    if (first !== undefined) failures.push({ seed: plan.seed, ...first });
    let happened = 0;
    for (const count of outcome.faults.values()) happened += count;
    if (first === undefined) leastFaults = Math.min(leastFaults, happened);
    leastMessages = Math.min(leastMessages, plan.messages.length);
    add(faults, outcome.faults);
    add(crashedAt, outcome.crashedAt);
  }
  return { runs, failures, faults, crashedAt, leastFaults, leastMessages };
}

export function merge(tallies: readonly Tally[]): Tally {
  const faults: Record<string, number> = {};
  const crashedAt: Record<string, number> = {};
  for (const tally of tallies) {
    add(faults, new Map(Object.entries(tally.faults)));
    add(crashedAt, new Map(Object.entries(tally.crashedAt)));
  }
  return {
    runs: tallies.reduce((sum, { runs }) => sum + runs, 0),
    failures: tallies.flatMap(({ failures }) => failures).toSorted((one, other) => one.seed - other.seed),
    faults,
    crashedAt,
    leastFaults: Math.min(...tallies.map(({ leastFaults }) => leastFaults)),
    leastMessages: Math.min(...tallies.map(({ leastMessages }) => leastMessages)),
  };
}

function add(to: Record<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) to[name] = (to[name] ?? 0) + count;
}
