import { crashPoints, type CrashPoint, pointsOf } from "./crash-points.ts";
import type { RunEvent } from "./run-log.ts";

/** The result of a campaign: the number of jobs that ended, and the jobs that went wrong. */
export interface CrashReport {
  readonly jobs: number;
  readonly kills: Readonly<Record<CrashPoint, number>>;
  /** Number of times that a handler began. */
  readonly runs: number;
  /** Number of jobs that were completed. A job that was completed twice counts once. */
  readonly completed: number;
  /** Number of jobs that were dead-lettered. A job with two dead letters counts once. */
  readonly deadLettered: number;
  /** Number of ends beyond the first of each job: a second completion, or a second dead letter. */
  readonly duplicates: number;
  /** Ids of jobs that were neither completed nor dead-lettered. */
  readonly lost: readonly string[];
  /** Jobs whose handler got an attempt number below the real number of runs, each with the numbers that it got. */
  readonly undercounted: readonly string[];
}

interface Job {
  readonly attempts: number[];
  completions: number;
  deadLetters: number;
  /** Kills that may have left a copy next to the original. Both then count their own attempts. */
  forks: number;
}

/**
 * Compares the jobs that were sent with their runs and dead letters.
 * @throws Error if the log has a job that was not sent
 */
export function crashReport(
  sent: readonly string[],
  log: readonly RunEvent[],
  deadLetterIds: readonly string[],
): CrashReport {
  const jobs = new Map<string, Job>(
    sent.map((id) => [id, { attempts: [], completions: 0, deadLetters: 0, forks: 0 }]),
  );
  const jobOf = (id: string): Job => {
    const job = jobs.get(id);
    if (job === undefined) throw new Error(`The job ${id} was received, but was never sent.`);
    return job;
  };
  const kills = Object.fromEntries(crashPoints.map((point) => [point, 0])) as Record<CrashPoint, number>;
  for (const event of log) {
    if (event.kind === "began") jobOf(event.id).attempts.push(event.attempt);
    else if (event.kind === "completed") jobOf(event.id).completions += 1;
    else {
      kills[event.point] += 1;
      for (const id of event.replacing) jobOf(id).forks += 1;
    }
  }
  for (const id of deadLetterIds) jobOf(id).deadLetters += 1;
  const all = [...jobs];
  const count = (of: (job: Job) => number): number => all.reduce((sum, [, job]) => sum + of(job), 0);
  return {
    jobs: sent.length,
    kills,
    runs: count(({ attempts }) => attempts.length),
    completed: count(({ completions }) => Math.min(1, completions)),
    deadLettered: count(({ deadLetters }) => Math.min(1, deadLetters)),
    duplicates: count((job) => Math.max(0, job.completions + job.deadLetters - 1)),
    lost: all.filter(([, job]) => job.completions + job.deadLetters === 0).map(([id]) => id),
    undercounted: all
      .filter(([, job]) => isUndercounted(job))
      .map(([id, { attempts }]) => `${id}: ${attempts.join(", ")}`),
  };
}

/**
 * Without a fork, run number n must have an attempt of n or more. Each fork adds a copy that counts on from the same
 * attempt. The runs are divided among the copies, and no copy may have more runs than its last attempt says.
 */
function isUndercounted({ attempts, forks }: Job): boolean {
  if (forks === 0) return attempts.some((attempt, index) => attempt < index + 1);
  return attempts.length > Math.max(...attempts) * (1 + forks);
}

/**
 * The problems that a report shows, one sentence each: lost or undercounted jobs, a crash point without a kill, and
 * more duplicates than messages that were held at the kills. Each restart of the server counts as `moreKills` kills,
 * because every worker loses its connection and its leases.
 */
export function problemsOf(
  report: CrashReport,
  concurrency: number,
  moreKills = 0,
  delayStore?: string,
): string[] {
  const { lost, undercounted, completed, deadLettered, duplicates, jobs } = report;
  const kills = Object.values(report.kills).reduce((sum, count) => sum + count, 0);
  const most = (kills + moreKills) * concurrency;
  return [
    ...lost.map((id) => `lost: ${id}`),
    ...undercounted.map((line) => `undercounted: ${line}`),
    ...pointsOf(delayStore)
      .filter((point) => report.kills[point] === 0)
      .map((point) => `no kill: ${point}`),
    ...(completed > 0 && deadLettered > 0 ? [] : ["no job was completed, or none was dead-lettered"]),
    ...(completed + deadLettered >= jobs ? [] : [`${completed} and ${deadLettered} of ${jobs} have ended`]),
    ...(duplicates <= most ? [] : [`${duplicates} duplicates; the kills explain at most ${most}`]),
  ];
}
