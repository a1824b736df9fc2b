import { runConformance } from "../../src/conformance/index.ts";
import { harnesses } from "../conformance/harness/index.ts";
import { runSeeds } from "../simulation/tally.ts";

/** What the tests say of one core. */
export interface Verdict {
  /** Conformance cases that failed, as `adapter: case`. */
  readonly cases: readonly string[];
  /** Rules that runs of the simulation broke, with how many runs. */
  readonly rules: Readonly<Record<string, number>>;
}

/** So many runs break every rule that a mutant breaks at all often. */
const RUNS = 60;
const SEED = 42;

async function judge(adapters: readonly string[]): Promise<Verdict> {
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
  for (const { rule } of (await runSeeds(SEED, RUNS)).failures) rules[rule] = (rules[rule] ?? 0) + 1;
  return { cases, rules };
}

// A broken core may break anything, and what it leaves behind keeps the process up: what counts is on the last line.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
const verdict = await judge(process.argv.slice(2));
process.stdout.write(`\n${JSON.stringify(verdict)}\n`, () => process.exit());
