import { simplerWorlds } from "../shrink.ts";
import type { Simulation } from "../simulation.ts";
import { makeJobPlan } from "./make-plan.ts";
import { type JobPlan, jobsOf } from "./plan.ts";
import { runJobPlan } from "./run-job-plan.ts";

/** The simulation of the job system: senders, workers and operators over one queue and one store. */
export const jobSimulation: Simulation<JobPlan> = {
  options: "--jobs ",
  makePlan: makeJobPlan,
  runPlan: runJobPlan,
  weight: (plan) => jobsOf(plan).length,
  parts: ["restarts", "faults", "operations", "repeats", "sends"],
  simplifications: (plan) => [
    ...simplerWorlds(plan),
    ...(plan.hasStaging && plan.sends.every(({ queue }) => queue < 2)
      ? [{ ...plan, hasStaging: false }]
      : []),
    ...(plan.isPruned ? [{ ...plan, isPruned: false }] : []),
    ...(plan.isOrdered ? [{ ...plan, isOrdered: false }] : []),
  ],
  summary: (plan) => {
    const { provider, sends, faults, operations, restarts, latencyMs, leaseMs, concurrency, isOrdered } =
      plan;
    const parts = [
      `${sends.length} sends`,
      `${operations.length} operations`,
      `${faults.length} faults (${faults.map(({ kind }) => kind).join(", ")})`,
      `${restarts.length} restarts`,
      `leases of ${leaseMs} ms`,
      `concurrency ${concurrency}`,
      `requests of up to ${latencyMs} ms`,
    ];
    return `${parts.join(", ")}, on ${provider}${isOrdered ? " with order" : ""}`;
  },
};
