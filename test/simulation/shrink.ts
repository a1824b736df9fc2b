import type { Plan } from "./plan.ts";
import { runPlan } from "./run-plan.ts";

/** What is left of a plan that fails, when everything has been taken away without which it still fails. */
export interface Shrunk {
  readonly plan: Plan;
  /** Runs that it took. */
  readonly tries: number;
}

const MOST_TRIES = 1_500;

/** Takes faults, restarts and messages away, many at a time and then one by one, for as long as the same rule breaks. */
export async function shrink(failing: Plan, rule: string): Promise<Shrunk> {
  let plan = failing;
  let tries = 0;
  const stillFails = async (candidate: Plan): Promise<boolean> => {
    tries += 1;
    const { violations } = await runPlan(candidate);
    return violations.some((violation) => violation.rule === rule);
  };
  for (let before = Number.POSITIVE_INFINITY; sizeOf(plan) < before && tries < MOST_TRIES;) {
    before = sizeOf(plan);
    for (const simpler of simplifications(plan)) if (await stillFails(simpler)) plan = simpler;
    for (const part of ["restarts", "faults", "messages"] as const) {
      for (
        let size = Math.ceil(plan[part].length / 2);
        size >= 1;
        size = size === 1 ? 0 : Math.ceil(size / 2)
      ) {
        for (let from = 0; from < plan[part].length && tries < MOST_TRIES;) {
          const less: Plan = { ...plan, [part]: plan[part].toSpliced(from, size) };
          if (await stillFails(less)) plan = less;
          else from += size;
        }
      }
    }
  }
  return { plan, tries };
}

function sizeOf({ messages, faults, restarts, latencyMs, processes }: Plan): number {
  const skewed = processes.filter(({ skewMs }) => skewMs !== 0).length;
  return messages.length + faults.length + restarts.length + skewed + (latencyMs > 0 ? 1 : 0);
}

function simplifications(plan: Plan): Plan[] {
  const simpler: Plan[] = [];
  if (plan.latencyMs > 0) simpler.push({ ...plan, latencyMs: 0 });
  if (plan.processes.some(({ skewMs }) => skewMs !== 0))
    simpler.push({ ...plan, processes: plan.processes.map((one) => ({ ...one, skewMs: 0 })) });
  return simpler;
}
