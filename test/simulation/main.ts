import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { jobSimulation } from "./jobs/job-simulation.ts";
import type { WorldPlan } from "./plan.ts";
import { queueSimulation } from "./queue-simulation.ts";
import type { Shard } from "./shard.ts";
import { shrink } from "./shrink.ts";
import type { Simulation } from "./simulation.ts";
import { type Failure, merge, type Tally } from "./tally.ts";

const USAGE = `npm run simulate -- [--jobs] --seed 42 --runs 10000 [--json]

Runs the core on the memory driver with a virtual clock and with faults. Checks in each run that no message is lost,
duplicated without a reason, handled early, or handled twice at once. Prints each failing seed, with the shortest trace
that still fails. --seed N --runs 1 repeats a run.

  --jobs  run the job system on the memory driver and the memory store, and check that each job ends as its record says
  --seed  the first seed (default: 42); the other seeds follow it
  --runs  the number of runs (default: 1000)
  --json  print one line of JSON at the end: {"seed","runs","failures"}`;

/** Number of failing seeds that are shrunk and shown in full. */
const SHOWN = 3;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`expected a whole number of 0 or more, got ${text}`);
  return value;
}

async function runAll(seed: number, runs: number, jobs: boolean): Promise<Tally> {
  const threads = Math.max(1, Math.min(availableParallelism(), Math.ceil(runs / 20)));
  const shards = Array.from({ length: threads }, (_, index): Shard => ({
    seed: seed + index,
    runs: Math.ceil((runs - index) / threads),
    step: threads,
    jobs,
  }));
  return merge(await Promise.all(shards.map(runShard)));
}

function runShard(shard: Shard): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("./shard.ts", import.meta.url), { workerData: shard });
    thread.once("message", (tally: Tally) => {
      resolve(tally);
      void thread.terminate();
    });
    thread.once("error", reject);
  });
}

function table(title: string, counts: Readonly<Record<string, number>>): void {
  console.log(`\n${title}`);
  for (const [name, count] of Object.entries(counts).toSorted(([one], [other]) => one.localeCompare(other)))
    console.log(`${String(count).padStart(8)}  ${name}`);
}

async function explain<P extends WorldPlan>(
  simulation: Simulation<P>,
  { seed, rule, text }: Failure,
): Promise<void> {
  console.log(`\nseed ${seed} breaks "${rule}": ${text}`);
  const { plan, tries } = await shrink(simulation, simulation.makePlan(seed), rule);
  const { trace, violations } = await simulation.runPlan(plan, true);
  console.log(`reduced in ${tries} runs to ${simulation.summary(plan)}:`);
  for (const line of trace) console.log(`  ${line}`);
  for (const violation of violations) console.log(`  ✗ ${violation.rule}: ${violation.text}`);
  console.log(`replay: npm run simulate -- ${simulation.options}--seed ${seed} --runs 1`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "42" },
      runs: { type: "string", default: "1000" },
      jobs: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const seed = whole(values.seed);
  const runs = whole(values.runs);
  const startedAt = performance.now();
  const tally = await runAll(seed, runs, values.jobs);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  table("faults that happened", tally.faults);
  table("crashes (request or handler, before or after its effect, state of the process)", tally.crashedAt);
  if (values.jobs) table("situations that were reached", tally.lines);
  for (const failure of tally.failures.slice(0, SHOWN))
    await (values.jobs ? explain(jobSimulation, failure) : explain(queueSimulation, failure));
  for (const { seed: failing, rule, text } of tally.failures.slice(SHOWN))
    console.log(`seed ${failing} breaks "${rule}": ${text}`);
  const { failures, minFaults, minMessages } = tally;
  console.log(
    `\n${runs} runs of at least ${minMessages} ${values.jobs ? "jobs" : "messages"} and ${minFaults} faults in ${seconds} s: ${failures.length} failed`,
  );
  if (values.json) console.log(JSON.stringify({ seed, runs, failures: failures.length }));
  return failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
