import { jobSimulation } from "../../simulation/jobs/job-simulation.ts";

// Runs the simulation of the job system until a run breaks a rule. Prints the rules that it breaks, and the number of runs,
// as JSON in the last line.
const [seed = 42, runs = 0] = process.argv.slice(2).map(Number);
// A broken job system may reject anywhere, and may leave timers that keep the process alive.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
let broken: readonly string[] = [];
let count = 0;
while (count < runs && broken.length === 0) {
  const { violations } = await jobSimulation.runPlan(jobSimulation.makePlan(seed + count));
  broken = [...new Set(violations.map(({ rule }) => rule))];
  count += 1;
}
process.stdout.write(`\n${JSON.stringify({ runs: count, rules: broken })}\n`, () => process.exit());
