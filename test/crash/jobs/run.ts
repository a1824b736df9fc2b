import { withBackend } from "../backends.ts";
import type { CampaignSize } from "../campaign-size.ts";
import { printReport } from "../print-report.ts";
import { freezeHolders, type Freezing } from "./frozen.ts";
import { runJobCampaign } from "./job-campaign.ts";
import { jobProblemsOf } from "./job-report.ts";
import { lockStore } from "./locked.ts";

/** Handlers that run at once in a worker. One kill repeats no more runs than that. */
const CONCURRENCY = 10;
/** Long enough for twenty processes at once on a busy machine. */
const FROZEN_LEASE_MS = 6_000;
/** Workers that are not killed. Enough to keep up with the sender, so that a job is not held up by those before it. */
const SURVIVORS = 3;
/** Milliseconds for the jobs to end after the last kill: for the last leases, and for each job that is left. */
const FINISH_MS = 300_000;
const FINISH_JOB_MS = 20;

/** Runs a campaign with recorded jobs on a backend, and prints its report. Resolves with the exit code. */
export function runJobs(name: string, size: Pick<CampaignSize, "kills" | "jobs" | "seed">): Promise<number> {
  return withBackend(name, async ({ adapter }) => {
    const startedAt = performance.now();
    const report = await runJobCampaign({
      adapter,
      ...size,
      concurrency: CONCURRENCY,
      survivors: SURVIVORS,
      finishMs: FINISH_MS + size.jobs * FINISH_JOB_MS,
    });
    const title = `recorded jobs on ${name}, seed ${size.seed}`;
    return printReport({ title, startedAt, figures: report, problems: jobProblemsOf(report, CONCURRENCY) });
  });
}

/** Freezes processes with jobs in hand, and prints what became of them. Resolves with the exit code. */
export function runFrozen(name: string, freezing: Freezing): Promise<number> {
  return withBackend(name, async ({ adapter }) => {
    const startedAt = performance.now();
    const report = await freezeHolders(adapter, { ...freezing, leaseMs: FROZEN_LEASE_MS });
    const { jobs, held, refused, staleEnds, foreignAcks, completed, left } = report;
    const isRight = staleEnds === 0 && foreignAcks === 0 && left === 0;
    const isWhole = completed === jobs && refused === held;
    const problems =
      isRight && isWhole ? [] : ["a frozen process has ended a job, or a job was not completed"];
    return printReport({ title: `frozen processes on ${name}`, startedAt, figures: report, problems });
  });
}

/** Locks a job store under load, and prints what became of the jobs. Resolves with the exit code. */
export async function runLocked(seconds: number): Promise<number> {
  const startedAt = performance.now();
  const report = await lockStore(seconds * 1_000);
  const isRight = report.failed === 0 && report.wrong === 0;
  const problems = isRight ? [] : ["a job failed, or its record is wrong 10 s after the lock"];
  const title = `a job store that was locked for ${seconds} s`;
  return printReport({ title, startedAt, figures: report, problems });
}
