import type { WorldPlan } from "./plan.ts";
import type { Simulation } from "./simulation.ts";

/** A failing plan without the parts that it does not need to fail. */
export interface Shrunk<P> {
  readonly plan: P;
  /** Number of runs that this needed. */
  readonly tries: number;
}

const MAX_TRIES = 1_500;

/** Removes the items of a plan, many at once and then one by one, as long as the same rule is broken. */
export async function shrink<P extends WorldPlan>(
  simulation: Simulation<P>,
  failing: P,
  rule: string,
): Promise<Shrunk<P>> {
  const { parts } = simulation;
  let plan = failing;
  let tries = 0;
  const stillFails = async (candidate: P): Promise<boolean> => {
    tries += 1;
    const { violations } = await simulation.runPlan(candidate);
    return violations.some((violation) => violation.rule === rule);
  };
  const sizeOf = (one: P): number =>
    parts.reduce((sum, part) => sum + itemsOf(one, part).length, 0) + simulation.simplifications(one).length;
  for (let before = Number.POSITIVE_INFINITY; sizeOf(plan) < before && tries < MAX_TRIES;) {
    before = sizeOf(plan);
    for (const simpler of simulation.simplifications(plan)) if (await stillFails(simpler)) plan = simpler;
    for (const part of parts) {
      for (
        let size = Math.ceil(itemsOf(plan, part).length / 2);
        size >= 1;
        size = size === 1 ? 0 : Math.ceil(size / 2)
      ) {
        for (let from = 0; from < itemsOf(plan, part).length && tries < MAX_TRIES;) {
          const less: P = { ...plan, [part]: itemsOf(plan, part).toSpliced(from, size) };
          if (await stillFails(less)) plan = less;
          else from += size;
        }
      }
    }
  }
  return { plan, tries };
}

function itemsOf<P>(plan: P, part: keyof P): readonly unknown[] {
  return plan[part] as readonly unknown[];
}

/** Plans with simpler networks and clocks. */
export function simplerWorlds<P extends WorldPlan>(plan: P): P[] {
  const simpler: P[] = [];
  if (plan.latencyMs > 0) simpler.push({ ...plan, latencyMs: 0 });
  if (plan.processes.some(({ skewMs }) => skewMs !== 0))
    simpler.push({ ...plan, processes: plan.processes.map((one) => ({ ...one, skewMs: 0 })) });
  if (plan.processes.some(({ clockSet }) => clockSet !== undefined))
    simpler.push({ ...plan, processes: plan.processes.map((one) => ({ ...one, clockSet: undefined })) });
  return simpler;
}
