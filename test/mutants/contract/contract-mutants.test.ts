import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MutantRunner } from "../mutant-runner.ts";
import { contractMutants } from "./contract-mutants.ts";

/** The cases of one requirement that ran, and those of them that failed. */
interface Outcome {
  readonly ran: number;
  readonly failed: readonly string[];
}

let runner: MutantRunner;
beforeAll(async () => {
  runner = await MutantRunner.open();
});
afterAll(() => runner.close());

const run = async (mutant: (typeof contractMutants)[number], isBroken: boolean): Promise<Outcome> => {
  const args = [mutant.adapter, mutant.requirement];
  return (await runner.runScript(
    "test/mutants/contract/test-contract.ts",
    args,
    isBroken ? mutant : undefined,
  )) as Outcome;
};

const targets = new Map(contractMutants.map((one) => [`${one.requirement} on ${one.adapter}`, one]));

describe.concurrent("an adapter with one fault fails the cases of the requirement that it breaks", () => {
  test.each([...targets])("the cases of %s pass without a fault", async (_name, mutant) => {
    const { ran, failed } = await run(mutant, false);
    expect(failed).toEqual([]);
    expect(ran).toBeGreaterThan(0);
  });

  test.each(contractMutants)("an adapter that $name fails a case of $requirement", async (mutant) => {
    expect((await run(mutant, true)).failed).not.toEqual([]);
  });
});
