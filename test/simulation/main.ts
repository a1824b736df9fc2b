import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { makePlan } from "./make-plan.ts";
import type { Plan } from "./plan.ts";
import { runPlan } from "./run-plan.ts";
import type { Shard } from "./shard.ts";
import { shrink } from "./shrink.ts";
import { type Failure, merge, type Tally } from "./tally.ts";

const USAGE = `npm run simulate -- --seed 42 --runs 10000 [--json]

Runs the core on the memory driver under a virtual clock, with faults, and checks after each run that nothing is lost,
duplicated without a reason, early, or owned twice. A failing seed is printed, and shrunk to its shortest trace;
--seed N --runs 1 replays it exactly.

  --seed  the first seed (default: 42); the others follow it
  --runs  how many runs (default: 1000)
  --json  end with one line of JSON: {"seed","runs","failures"}`;

/** Of many failing seeds, so many are shrunk and shown. */
const SHOWN = 3;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`a whole number is needed; got ${text}`);
  return value;
}

async function runAll(seed: number, runs: number): Promise<Tally> {
  const threads = Math.max(1, Math.min(availableParallelism(), Math.ceil(runs / 20)));
  const shards = Array.from({ length: threads }, (_, index): Shard => ({
    seed: seed + index,
    runs: Math.ceil((runs - index) / threads),
    step: threads,
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

async function explain({ seed, rule, text }: Failure): Promise<void> {
  console.log(`\nseed ${seed} breaks "${rule}": ${text}`);
  const { plan, tries } = await shrink(makePlan(seed), rule);
  const { trace, violations } = await runPlan(plan, true);
  console.log(`shrunk in ${tries} runs to ${summary(plan)}:`);
  for (const line of trace) console.log(`  ${line}`);
  for (const violation of violations) console.log(`  ✗ ${violation.rule}: ${violation.text}`);
  console.log(`replay: npm run simulate -- --seed ${seed} --runs 1`);
}

function summary({ personality, messages, faults, restarts, latencyMs, leaseMs, concurrency }: Plan): string {
  const parts = [
    `${messages.length} messages`,
    `${faults.length} faults`,
    `${restarts.length} restarts`,
    `leases of ${leaseMs} ms`,
    `concurrency ${concurrency}`,
    `requests of up to ${latencyMs} ms`,
  ];
  return `${parts.join(", ")}, on ${personality}`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "42" },
      runs: { type: "string", default: "1000" },
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
  const tally = await runAll(seed, runs);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  table("faults that happened", tally.faults);
  table(
    "crashed at (request or handler, before or after its effect, what the process was doing)",
    tally.crashedAt,
  );
  for (const failure of tally.failures.slice(0, SHOWN)) await explain(failure);
  for (const { seed: failing, rule, text } of tally.failures.slice(SHOWN))
    console.log(`seed ${failing} breaks "${rule}": ${text}`);
  const { failures, leastFaults, leastMessages } = tally;
  console.log(
    `\n${runs} runs of at least ${leastMessages} messages and ${leastFaults} faults in ${seconds} s: ${failures.length} failed`,
  );
  if (values.json) console.log(JSON.stringify({ seed, runs, failures: failures.length }));
  return failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
