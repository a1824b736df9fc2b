import { backends } from "../backends.ts";
import { freezeHolder } from "./frozen.ts";
import { runJobCampaign } from "./job-campaign.ts";
import { lockStore } from "./locked.ts";
import { jobProblemsOf, type JobReport } from "./job-report.ts";

/** Handlers that run at once in a worker. One kill repeats no more runs than that. */
const CONCURRENCY = 10;

/** Runs a campaign with recorded jobs on a backend, and prints its report. Resolves with the exit code. */
export async function runJobs(
  name: string,
  { kills, jobs, seed }: { readonly kills: number; readonly jobs: number; readonly seed: number },
): Promise<number> {
  const backend = await backends[name]?.();
  if (backend === undefined) throw new Error(`There is no backend "${name}" to crash on.`);
  const startedAt = performance.now();
  try {
    const report = await runJobCampaign({
      adapter: backend.adapter,
      kills,
      jobs,
      seed,
      concurrency: CONCURRENCY,
      finishMs: 600_000,
    });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    console.log(`recorded jobs on ${name}, seed ${seed}, ${seconds} s`);
    console.log(figuresOf(report));
    const problems = jobProblemsOf(report, CONCURRENCY);
    for (const problem of problems) console.log(problem);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await backend.close();
  }
}

/** Freezes a process with this many jobs in hand, and prints what became of them. Resolves with the exit code. */
export async function runFrozen(name: string, jobs: number): Promise<number> {
  const backend = await backends[name]?.();
  if (backend === undefined) throw new Error(`There is no backend "${name}" to crash on.`);
  try {
    const report = await freezeHolder(backend, jobs);
    console.log(`a frozen process on ${name}`);
    console.log(report);
    const { staleEnds, foreignAcks, completed, left } = report;
    return staleEnds === 0 && foreignAcks === 0 && completed === jobs && left === 0 ? 0 : 1;
  } finally {
    await backend.close();
  }
}

/** Locks a job store under load, and prints what became of the jobs. Resolves with the exit code. */
export async function runLocked(seconds: number): Promise<number> {
  const report = await lockStore(seconds * 1_000);
  console.log(`a job store that was locked for ${seconds} s`);
  console.log(report);
  return report.failed === 0 && report.wrong === 0 ? 0 : 1;
}

function figuresOf({ lost, phantoms, runsAfterEnd, wrong, ...figures }: JobReport): object {
  return {
    ...figures,
    lost: lost.length,
    phantoms: phantoms.length,
    runsAfterEnd: runsAfterEnd.length,
    wrong: wrong.length,
  };
}
