import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MutantRunner } from "../mutant-runner.ts";
import { jobMutants } from "./job-mutants.ts";

/** The rules that the simulation has broken, and the number of its runs. */
interface Outcome {
  readonly runs: number;
  readonly rules: readonly string[];
}

const SEED = "42";
/** Enough runs to break a rule by every mutant. The first that does so is the last. */
const RUNS = "400";

let runner: MutantRunner;
beforeAll(async () => {
  runner = await MutantRunner.open();
});
afterAll(() => runner.close());

describe.concurrent("a job system with one fault breaks a rule of its simulation", () => {
  test.each(jobMutants)("a job system that $name is detected", async (mutant) => {
    const script = "test/mutants/jobs/test-jobs.ts";
    const { rules } = (await runner.runScript(script, [SEED, RUNS], mutant)) as Outcome;
    expect(mutant.rules).toEqual(expect.arrayContaining(rules.slice(0, 1)));
  });
});
