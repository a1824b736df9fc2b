import { runConformance } from "../../src/conformance/index.ts";
import { harnesses } from "../conformance/harness/index.ts";
import { queueSimulation } from "../simulation/queue-simulation.ts";
import { runSeeds } from "../simulation/tally.ts";

/** The tests that one core fails. */
export interface TestOutcome {
  /** Conformance cases that failed, as `<adapter>: <case>`. */
  readonly cases: readonly string[];
  /** Rules that the simulation broke, each with the number of its runs. */
  readonly rules: Readonly<Record<string, number>>;
}

/** Enough runs to break every rule that a mutant breaks often. */
const RUNS = 60;
const SEED = 42;

async function testCore(adapters: readonly string[]): Promise<TestOutcome> {
  const cases: string[] = [];
  for (const adapter of adapters) {
    const harness = harnesses[adapter];
    if (harness === undefined) throw new Error(`there is no adapter ${adapter}`);
    await runConformance(harness, {
      onResult: ({ status, name }) => {
        if (status === "failed") cases.push(`${adapter}: ${name}`);
      },
    });
  }
  const rules: Record<string, number> = {};
  for (const { rule } of (await runSeeds(queueSimulation, SEED, RUNS)).failures)
    rules[rule] = (rules[rule] ?? 0) + 1;
  return { cases, rules };
}

// A broken core may reject anywhere, and may leave timers that keep the process alive. The result is the last line.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
const outcome = await testCore(process.argv.slice(2));
process.stdout.write(`\n${JSON.stringify(outcome)}\n`, () => process.exit());
