import { parseArgs } from "node:util";
import { backends } from "./backends.ts";
import { runCampaign } from "./campaign.ts";
import { runFrozen, runJobs, runLocked } from "./jobs/run.ts";

/** Handlers that run at once. One kill duplicates no more jobs than that. */
const CONCURRENCY = 10;

const USAGE = `npm run test:crash -- [adapter] [--kills 100] [--jobs 3000] [--seed 1] [--json]
npm run test:crash -- jobs [adapter] [--kills 100] [--jobs 3000] [--seed 1]
npm run test:crash -- frozen [adapter] [--jobs 1000]
npm run test:crash -- locked [--seconds 60]

Kills processes at named points, and counts how every job ended: workers of a queue, or senders, workers and operators of
recorded jobs. \`frozen\` stops a process in the middle of its handlers until another has its jobs.
\`locked\` locks the job store under load. Adapters: ${Object.keys(backends).join(", ")}`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kills: { type: "string", default: "100" },
      jobs: { type: "string" },
      seed: { type: "string", default: "1" },
      seconds: { type: "string", default: "60" },
      json: { type: "boolean", default: false },
    },
  });
  const mode = ["jobs", "frozen", "locked"].find((one) => one === positionals[0]);
  const [name = "directory", ...more] = mode === undefined ? positionals : positionals.slice(1);
  const open = more.length === 0 && Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (open === undefined) {
    console.error(USAGE);
    return 2;
  }
  const jobs = Number(values.jobs ?? (mode === "frozen" ? 1_000 : 3_000));
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  if (mode === "jobs") return runJobs(name, { kills, jobs, seed });
  if (mode === "locked") return runLocked(Number(values.seconds));
  if (mode === "frozen") return runFrozen(name, jobs);
  const backend = await open();
  const startedAt = performance.now();
  try {
    const report = await runCampaign({
      adapter: backend.adapter,
      kills,
      jobs,
      seed,
      concurrency: CONCURRENCY,
    });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const { lost, undercounted, ...figures } = report;
    console.log(`${name}, seed ${seed}, ${seconds} s`);
    console.log({ ...figures, lost: lost.length, undercounted: undercounted.length });
    for (const line of [...lost.map((id) => `lost: ${id}`), ...undercounted]) console.log(line);
    if (values.json) console.log(JSON.stringify({ adapter: name, seed, ...report }));
    const most = CONCURRENCY * Object.values(report.kills).reduce((sum, count) => sum + count, 0);
    if (report.duplicates > most) console.log(`too many duplicates: the kills explain at most ${most}`);
    return lost.length === 0 && undercounted.length === 0 && report.duplicates <= most ? 0 : 1;
  } finally {
    await backend.close();
  }
}

process.exitCode = await main();
