import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { Verdict } from "./judge.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { Workshop } from "./workshop.ts";

const USAGE = `npm run test:mutants [-- --only <text>] [--json]

Breaks the core on purpose, in one way at a time, and shows which conformance case and which rule of the simulation
notices. Fails where one is not noticed.

  --only  the mutants alone whose name has this text in it
  --json  end with one line of JSON: {"mutants","caught","survived"}`;

/** Of the cases that caught a mutant, so many are named. */
const NAMED = 3;

/** Less what fails without any mutant: it has caught nothing. */
function caughtBy(verdict: Verdict, unbroken: Verdict): string[] {
  const cases = verdict.cases.filter((name) => !unbroken.cases.includes(name));
  const rules = Object.entries(verdict.rules)
    .filter(([rule, runs]) => runs > (unbroken.rules[rule] ?? 0))
    .map(([rule, runs]) => `simulation: "${rule}" broken by ${runs} runs`);
  const more = cases.length > NAMED ? [`${cases.length - NAMED} more cases`] : [];
  return [...cases.slice(0, NAMED), ...more, ...rules];
}

async function judgeAll(workshop: Workshop, chosen: readonly Mutant[], unbroken: Verdict): Promise<string[]> {
  const survivors: string[] = [];
  const waiting = [...chosen];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const witnesses = caughtBy(await workshop.judged(mutant, mutant.adapters), unbroken);
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
  const workshop = await Workshop.open();
  let survivors: readonly string[];
  try {
    const unbroken = await workshop.judged(undefined, adapters);
    for (const name of unbroken.cases)
      console.log(`fails without any mutant, and counts for nothing: ${name}`);
    survivors = await judgeAll(workshop, chosen, unbroken);
  } finally {
    await workshop.close();
  }
  const caught = chosen.length - survivors.length;
  console.log(`\n${chosen.length} mutants: ${caught} caught, ${survivors.length} survived`);
  if (values.json)
    console.log(JSON.stringify({ mutants: chosen.length, caught, survived: survivors.length }));
  return survivors.length === 0 && chosen.length > 0 ? 0 : 1;
}

process.exitCode = await main();
