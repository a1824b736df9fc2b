import { fileURLToPath } from "node:url";
import { Argument, Command } from "commander";
import { type Benchmark, evaluate, type Rounds, type Suite } from "./run/benchmark.ts";
import { build, installPeers } from "./run/prepare.ts";
import { describeBenchmark, writeFigures } from "./run/report.ts";
import { runRounds } from "./run/rounds.ts";
import { importing } from "./suites/import.ts";
import { latency } from "./suites/latency.ts";
import { memory } from "./suites/memory.ts";
import { postgres } from "./suites/postgres.ts";
import { pubsub } from "./suites/pubsub.ts";
import { redis } from "./suites/redis.ts";
import { serviceBus } from "./suites/service-bus.ts";
import { sqlite } from "./suites/sqlite.ts";
import { sqs } from "./suites/sqs.ts";

const SUITES: Readonly<Record<string, Suite>> = {
  sqs,
  postgres,
  pubsub,
  "service-bus": serviceBus,
  sqlite,
  redis,
  memory,
  import: importing,
  latency,
};

const program = new Command("bench")
  .usage("-- [suite] [options]")
  .description("Compare queueport with its alternatives. Every contender runs in processes of its own.")
  .addArgument(new Argument("[suite]", "the suite to run (default: all)").choices(Object.keys(SUITES)))
  .option("--quick", "run the short form; without a suite, that of sqs only (90 seconds)")
  .option("--write", "write the figures into docs/performance.md")
  .option("--case <text>", "run only the benchmarks whose name contains this text", "")
  .option("--json", "print one line per threshold: name, value, reference, ratio, threshold, holds")
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
// The compile cache shortens the start of the many short processes. The start is not part of what they measure.
if (quick && wanted === undefined)
  process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("node_modules/.cache", import.meta.url));
const names = wanted === undefined ? (quick ? ["sqs"] : Object.keys(SUITES)) : [wanted];
let failed = 0;
for (const name of names) {
  for (const benchmark of SUITES[name]?.(quick) ?? []) {
    if (!benchmark.name.includes(part)) continue;
    if (benchmark.built === true) build();
    const rounds = await roundsOf(benchmark);
    if (rounds === undefined) continue;
    const results = evaluate(benchmark, rounds);
    if (write) writeFigures(benchmark, rounds, results);
    failed += results.filter(({ holds }) => !holds).length;
    process.stdout.write(
      json
        ? results.map((result) => `${JSON.stringify(result)}\n`).join("")
        : `${describeBenchmark(benchmark, rounds, results)}\n`,
    );
  }
}
process.exitCode = failed === 0 ? 0 : 1;

/** Runs one benchmark. After an error, which is printed, the result is undefined, and the other benchmarks still run. */
async function roundsOf(benchmark: Benchmark): Promise<Rounds | undefined> {
  try {
    const rounds = await runRounds(benchmark, benchmark.rounds ?? (quick ? 3 : 5));
    if (rounds !== undefined) return rounds;
    process.stderr.write(`${benchmark.name}: skipped, ${benchmark.server?.name} does not start here.\n`);
  } catch (error) {
    failed += 1;
    process.stderr.write(`${benchmark.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return undefined;
}
