import type { Plan } from "./plan.ts";
import { runPlan } from "./run-plan.ts";

/** A failing plan without the parts that it does not need to fail. */
export interface Shrunk {
  readonly plan: Plan;
  /** Number of runs that this needed. */
  readonly tries: number;
}

const MAX_TRIES = 1_500;

/** Removes faults, restarts and messages, many at once and then one by one, as long as the same rule is broken. */
export async function shrink(failing: Plan, rule: string): Promise<Shrunk> {
  let plan = failing;
  let tries = 0;
  const stillFails = async (candidate: Plan): Promise<boolean> => {
    tries += 1;
    const { violations } = await runPlan(candidate);
    return violations.some((violation) => violation.rule === rule);
  };
  for (let before = Number.POSITIVE_INFINITY; sizeOf(plan) < before && tries < MAX_TRIES;) {
    before = sizeOf(plan);
    for (const simpler of simplifications(plan)) if (await stillFails(simpler)) plan = simpler;
    for (const part of ["restarts", "faults", "messages"] as const) {
      for (
        let size = Math.ceil(plan[part].length / 2);
        size >= 1;
        size = size === 1 ? 0 : Math.ceil(size / 2)
      ) {
        for (let from = 0; from < plan[part].length && tries < MAX_TRIES;) {
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
  const skewed = processes.filter(({ skewMs, clockSet }) => skewMs !== 0 || clockSet !== undefined).length;
  return messages.length + faults.length + restarts.length + skewed + (latencyMs > 0 ? 1 : 0);
}

function simplifications(plan: Plan): Plan[] {
  const simpler: Plan[] = [];
  if (plan.latencyMs > 0) simpler.push({ ...plan, latencyMs: 0 });
  if (plan.processes.some(({ skewMs }) => skewMs !== 0))
    simpler.push({ ...plan, processes: plan.processes.map((one) => ({ ...one, skewMs: 0 })) });
  if (plan.processes.some(({ clockSet }) => clockSet !== undefined))
    simpler.push({ ...plan, processes: plan.processes.map((one) => ({ ...one, clockSet: undefined })) });
  return simpler;
}
