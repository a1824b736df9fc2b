import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { MutantRunner } from "./mutant-runner.ts";
import { type Mutant, mutants } from "./mutants.ts";
import type { TestOutcome } from "./test-core.ts";

const USAGE = `npm run test:mutants [-- --only <text>] [--json]

Breaks the core on purpose, in one way at a time, and shows which conformance cases and which rules of the simulation
detect it. Fails if a mutant is not detected.

  --only  run only the mutants whose name contains this text
  --json  print one line of JSON at the end: {"mutants","caught","survived"}`;

/** Number of cases that are named for each caught mutant. */
const NAMED = 3;

/** The cases and rules that caught a mutant: all that fail with it, except those that also fail without it. */
function caughtBy(outcome: TestOutcome, unbroken: TestOutcome): string[] {
  const cases = outcome.cases.filter((name) => !unbroken.cases.includes(name));
  const rules = Object.entries(outcome.rules)
    .filter(([rule, runs]) => runs > (unbroken.rules[rule] ?? 0))
    .map(([rule, runs]) => `simulation: "${rule}" broken by ${runs} runs`);
  const more = cases.length > NAMED ? [`${cases.length - NAMED} more cases`] : [];
  return [...cases.slice(0, NAMED), ...more, ...rules];
}

async function testAll(
  runner: MutantRunner,
  chosen: readonly Mutant[],
  unbroken: TestOutcome,
): Promise<string[]> {
  const survivors: string[] = [];
  const waiting = [...chosen];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const witnesses = caughtBy(await runner.run(mutant, mutant.adapters), unbroken);
      const mark = witnesses.length > 0 ? "✓ caught:  " : "✗ SURVIVES:";
      console.log([`${mark} ${mutant.name}`, ...witnesses].join("\n      "));
      if (witnesses.length === 0) survivors.push(mutant.name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return survivors;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const chosen = mutants.filter(({ name }) => name.includes(values.only));
  const adapters = [...new Set(chosen.flatMap((mutant) => mutant.adapters))];
  const runner = await MutantRunner.open();
  let survivors: readonly string[];
  try {
    const unbroken = await runner.run(undefined, adapters);
    for (const name of unbroken.cases) console.log(`fails without any mutant, and is ignored: ${name}`);
    survivors = await testAll(runner, chosen, unbroken);
  } finally {
    await runner.close();
  }
  const caught = chosen.length - survivors.length;
  console.log(`\n${chosen.length} mutants: ${caught} caught, ${survivors.length} survived`);
  if (values.json)
    console.log(JSON.stringify({ mutants: chosen.length, caught, survived: survivors.length }));
  return survivors.length === 0 && chosen.length > 0 ? 0 : 1;
}

process.exitCode = await main();
