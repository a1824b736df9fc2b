import { parseArgs } from "node:util";
import { backends, withBackend } from "./backends.ts";
import type { CampaignSize } from "./campaign-size.ts";
import { runCampaign } from "./campaign.ts";
import { runFrozen, runJobs, runLocked } from "./jobs/run.ts";
import { printReport } from "./print-report.ts";

/** Handlers that run at once. One kill duplicates no more jobs than that. */
const CONCURRENCY = 10;

const USAGE = `npm run test:crash -- [adapter] [--kills 100] [--jobs 3000] [--seed 1] [--json]
npm run test:crash -- jobs [adapter] [--kills 100] [--jobs 3000] [--seed 1]
npm run test:crash -- frozen [adapter] [--times 1000] [--pairs 10] [--jobs 4]
npm run test:crash -- locked [--seconds 60]

Kills processes at named points, and counts how every job ended: workers of a queue, or senders, workers and operators of
recorded jobs. \`frozen\` stops processes in the middle of their handlers until others have their jobs.
\`locked\` locks the job store under load. Adapters: ${Object.keys(backends).join(", ")}`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kills: { type: "string", default: "100" },
      jobs: { type: "string" },
      seed: { type: "string", default: "1" },
      times: { type: "string", default: "1000" },
      pairs: { type: "string", default: "10" },
      seconds: { type: "string", default: "60" },
      json: { type: "boolean", default: false },
    },
  });
  const mode = ["jobs", "frozen", "locked"].find((one) => one === positionals[0]);
  const [name = "directory", ...more] = mode === undefined ? positionals : positionals.slice(1);
  if (more.length > 0 || !Object.hasOwn(backends, name)) {
    console.error(USAGE);
    return 2;
  }
  const jobs = Number(values.jobs ?? (mode === "frozen" ? 4 : 3_000));
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  if (mode === "jobs") return runJobs(name, { kills, jobs, seed });
  if (mode === "locked") return runLocked(Number(values.seconds));
  const [times, pairs] = [Number(values.times), Number(values.pairs)];
  if (mode === "frozen") return runFrozen(name, { times, jobs, pairs });
  return runWorkers(name, { kills, jobs, seed }, values.json);
}

/** Kills workers of a plain queue. Resolves with the exit code. */
function runWorkers(
  name: string,
  size: Pick<CampaignSize, "kills" | "jobs" | "seed">,
  isJson: boolean,
): Promise<number> {
  return withBackend(name, async ({ adapter }) => {
    const startedAt = performance.now();
    const report = await runCampaign({ adapter, ...size, concurrency: CONCURRENCY });
    if (isJson) console.log(JSON.stringify({ adapter: name, seed: size.seed, ...report }));
    const { lost, undercounted, duplicates } = report;
    const most = CONCURRENCY * Object.values(report.kills).reduce((sum, count) => sum + count, 0);
    const problems = [...lost.map((id) => `lost: ${id}`), ...undercounted];
    if (duplicates > most) problems.push(`too many duplicates: the kills explain at most ${most}`);
    return printReport({ title: `${name}, seed ${size.seed}`, startedAt, figures: report, problems });
  });
}

process.exitCode = await main();
