import { makePlan } from "./make-plan.ts";
import type { Plan } from "./plan.ts";
import { runPlan } from "./run-plan.ts";
import { simplerWorlds } from "./shrink.ts";
import type { Simulation } from "./simulation.ts";

/** The simulation of the queue. */
export const queueSimulation: Simulation<Plan> = {
  options: "",
  makePlan,
  runPlan,
  weight: ({ messages }) => messages.length,
  parts: ["restarts", "faults", "messages"],
  simplifications: simplerWorlds,
  summary: ({ provider, messages, faults, restarts, latencyMs, leaseMs, concurrency }) => {
    const parts = [
      `${messages.length} messages`,
      `${faults.length} faults`,
      `${restarts.length} restarts`,
      `leases of ${leaseMs} ms`,
      `concurrency ${concurrency}`,
      `requests of up to ${latencyMs} ms`,
    ];
    return `${parts.join(", ")}, on ${provider}`;
  },
};
