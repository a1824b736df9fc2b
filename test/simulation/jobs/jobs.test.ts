import { expect, test } from "vitest";
import { runSeeds } from "../tally.ts";
import { jobSimulation } from "./job-simulation.ts";
import { LINES } from "./lines.ts";

const SEED = 42;
const RUNS = 300;

test(`${RUNS} runs of the job system with faults break no rule, and reach every situation`, async () => {
  const { failures, lines, faults } = await runSeeds(jobSimulation, SEED, RUNS);
  expect(failures).toEqual([]);
  expect(LINES.filter((line) => lines[line] === undefined)).toEqual([]);
  expect(Object.keys(faults).toSorted()).toEqual([
    "clock set",
    "crash",
    "cut",
    "down",
    "duplicate",
    "expire",
    "freeze",
    "late",
    "locked",
    "lost",
    "mute",
    "partial",
    "reorder",
    "reverse",
    "skew",
    "slow",
  ]);
});

test("two runs of one seed of the job system have the same trace", async () => {
  for (const seed of [43, 44, 46]) {
    const one = await jobSimulation.runPlan(jobSimulation.makePlan(seed), true);
    const other = await jobSimulation.runPlan(jobSimulation.makePlan(seed), true);
    expect(other.trace).toEqual(one.trace);
    expect(other.virtualMs).toBe(one.virtualMs);
  }
});
