import { expect, test } from "vitest";
import { makePlan } from "./make-plan.ts";
import { runPlan } from "./run-plan.ts";
import { queueSimulation } from "./queue-simulation.ts";
import { runSeeds } from "./tally.ts";

const SEED = 42;
const RUNS = 300;

test(`${RUNS} runs with faults break no rule`, async () => {
  const { failures, minFaults, minMessages, faults } = await runSeeds(queueSimulation, SEED, RUNS);
  expect(failures).toEqual([]);
  expect(minFaults).toBeGreaterThanOrEqual(5);
  expect(minMessages).toBeGreaterThanOrEqual(20);
  expect(Object.keys(faults).toSorted()).toEqual([
    "clock set",
    "crash",
    "duplicate",
    "expire",
    "lost",
    "mute",
    "partial",
    "reorder",
    "skew",
  ]);
});

test("two runs of one seed have the same trace", async () => {
  for (const seed of [3, 17, 25]) {
    const one = await runPlan(makePlan(seed), true);
    const other = await runPlan(makePlan(seed), true);
    expect(other.trace).toEqual(one.trace);
    expect(other.virtualMs).toBe(one.virtualMs);
  }
});
