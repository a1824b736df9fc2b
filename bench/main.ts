import { fileURLToPath } from "node:url";
import { Argument, Command } from "commander";
import { type Contest, judge, type Rounds, type Verdict } from "./run/contest.ts";
import { hold } from "./run/hold.ts";
import { writeFigures } from "./run/page.ts";
import { build, installPeers } from "./run/peers.ts";
import { describeContest } from "./run/report.ts";
import type { Suite } from "./suites/suite.ts";
import { importing } from "./suites/import.ts";
import { latency } from "./suites/latency.ts";
import { memory } from "./suites/memory.ts";
import { pubsub } from "./suites/pubsub.ts";
import { serviceBus } from "./suites/service-bus.ts";
import { sqs } from "./suites/sqs.ts";

const SUITES: Readonly<Record<string, Suite>> = {
  sqs,
  pubsub,
  "service-bus": serviceBus,
  memory,
  import: importing,
  latency,
};

const program = new Command("bench")
  .usage("-- [suite] [options]")
  .description("Measure queueport beside what one would use instead. Every case in processes of its own.")
  .addArgument(
    new Argument("[suite]", "what is measured; all, where it is left out").choices(Object.keys(SUITES)),
  )
  .option("--quick", "the first eight bars alone, in a minute and a half")
  .option("--write", "put the figures into docs/performance.md")
  .option("--case <text>", "only cases whose name has this in it", "")
  .option("--json", "one line a case: name, value, reference, ratio, bar, holds")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const [wanted] = program.processedArgs as [string | undefined];
const {
  quick = false,
  json = false,
  write = false,
  case: part,
} = program.opts<{
  readonly write?: true;
  readonly quick?: true;
  readonly json?: true;
  readonly case: string;
}>();

installPeers();
// Its processes are many and short, and their start is not measured: what Node has compiled for one serves the others.
if (quick && wanted === undefined)
  process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("node_modules/.cache", import.meta.url));
const names = wanted === undefined ? (quick ? ["sqs"] : Object.keys(SUITES)) : [wanted];
let failed = 0;
for (const name of names) {
  for (const contest of SUITES[name]?.(quick) ?? []) {
    if (!contest.name.includes(part)) continue;
    if (contest.built === true) build();
    const rounds = await held(contest);
    if (rounds === undefined) continue;
    const verdicts = judge(contest, rounds);
    if (write) writeFigures(contest, rounds, verdicts);
    failed += verdicts.filter(({ holds }) => !holds).length;
    process.stdout.write(
      json ? verdicts.map(asJson).join("") : `${describeContest(contest, rounds, verdicts)}\n`,
    );
  }
}
process.exitCode = failed === 0 ? 0 : 1;

/** Undefined where it could not be held: what went wrong is said, and the others are held all the same. */
async function held(contest: Contest): Promise<Rounds | undefined> {
  try {
    const rounds = await hold(contest, contest.rounds ?? (quick ? 3 : 5));
    if (rounds !== undefined) return rounds;
    process.stderr.write(`${contest.name}: left out, ${contest.server?.name} does not start here.\n`);
  } catch (error) {
    failed += 1;
    process.stderr.write(`${contest.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return undefined;
}

function asJson(verdict: Verdict): string {
  return `${JSON.stringify(verdict)}\n`;
}
