import type { Simulation } from "./simulation.ts";

/** A seed whose run broke a rule. */
export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly text: string;
}

/** The result of many runs. */
export interface Tally {
  readonly runs: number;
  readonly failures: readonly Failure[];
  /** Number of faults that happened, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Number of crashes, by point. */
  readonly crashedAt: Readonly<Record<string, number>>;
  /** Number of times that each situation was reached, by name. */
  readonly lines: Readonly<Record<string, number>>;
  /** Fewest faults of one run. */
  readonly minFaults: number;
  /** Fewest messages of one run. */
  readonly minMessages: number;
}

/** Runs the seeds `seed`, `seed + step`, `seed + 2 * step` and so on, `runs` in total. */
export async function runSeeds<P extends { readonly seed: number }>(
  simulation: Simulation<P>,
  seed: number,
  runs: number,
  step: number = 1,
): Promise<Tally> {
  const failures: Failure[] = [];
  const faults: Record<string, number> = {};
  const crashedAt: Record<string, number> = {};
  const lines: Record<string, number> = {};
  let minFaults = Number.POSITIVE_INFINITY;
  let minMessages = Number.POSITIVE_INFINITY;
  for (let index = 0; index < runs; index += 1) {
    const plan = simulation.makePlan(seed + index * step);
    const result = await simulation.runPlan(plan);
    const [first] = result.violations;
    if (first !== undefined) failures.push({ seed: plan.seed, ...first });
    let happened = 0;
    for (const count of result.faults.values()) happened += count;
    if (first === undefined) minFaults = Math.min(minFaults, happened);
    minMessages = Math.min(minMessages, simulation.weight(plan));
    add(faults, result.faults);
    add(crashedAt, result.crashedAt);
    if (result.lines !== undefined) add(lines, result.lines);
  }
  return { runs, failures, faults, crashedAt, lines, minFaults, minMessages };
}

export function merge(tallies: readonly Tally[]): Tally {
  const faults: Record<string, number> = {};
  const crashedAt: Record<string, number> = {};
  const lines: Record<string, number> = {};
  for (const tally of tallies) {
    add(faults, new Map(Object.entries(tally.faults)));
    add(crashedAt, new Map(Object.entries(tally.crashedAt)));
    add(lines, new Map(Object.entries(tally.lines)));
  }
  return {
    runs: tallies.reduce((sum, { runs }) => sum + runs, 0),
    failures: tallies.flatMap(({ failures }) => failures).toSorted((one, other) => one.seed - other.seed),
    faults,
    crashedAt,
    lines,
    minFaults: Math.min(...tallies.map(({ minFaults }) => minFaults)),
    minMessages: Math.min(...tallies.map(({ minMessages }) => minMessages)),
  };
}

function add(to: Record<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) to[name] = (to[name] ?? 0) + count;
}
