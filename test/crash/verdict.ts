import type { CrashPoint } from "./points.ts";
import { crashPoints } from "./points.ts";
import type { Entry } from "./run-log.ts";

/** What a campaign has shown. */
export interface Verdict {
  readonly jobs: number;
  readonly kills: Readonly<Record<CrashPoint, number>>;
  /** Times that a handler began. */
  readonly runs: number;
  /** Jobs that were completed, and those that were dead-lettered, each counted once. */
  readonly completed: number;
  readonly deadLettered: number;
  /** Ends of a job beyond its first: it was completed again, or has another dead letter. */
  readonly duplicates: number;
  /** Neither completed nor dead-lettered. */
  readonly lost: readonly string[];
  /** Jobs that were told an attempt below their real runs, each with what it saw. */
  readonly undercounted: readonly string[];
}

interface Job {
  readonly attempts: number[];
  completions: number;
  letters: number;
  /** Deaths that may have left a copy beside the original: each copy is a line of attempts of its own. */
  forks: number;
}

/** Counts what was sent against what came of it. */
export function judge(sent: readonly string[], log: readonly Entry[], letters: readonly string[]): Verdict {
  const jobs = new Map<string, Job>(
    sent.map((id) => [id, { attempts: [], completions: 0, letters: 0, forks: 0 }]),
  );
  const jobOf = (id: string): Job => {
    const job = jobs.get(id);
    if (job === undefined) throw new Error(`A job ${id} came, and was never sent.`);
    return job;
  };
  const kills = Object.fromEntries(crashPoints.map((point) => [point, 0])) as Record<CrashPoint, number>;
  for (const entry of log) {
    if (entry.kind === "began") jobOf(entry.id).attempts.push(entry.attempt);
    else if (entry.kind === "completed") jobOf(entry.id).completions += 1;
    else {
      kills[entry.point] += 1;
      for (const id of entry.replacing) jobOf(id).forks += 1;
    }
  }
  for (const id of letters) jobOf(id).letters += 1;
  const all = [...jobs];
  const count = (of: (job: Job) => number): number => all.reduce((sum, [, job]) => sum + of(job), 0);
  return {
    jobs: sent.length,
    kills,
    runs: count(({ attempts }) => attempts.length),
    completed: count(({ completions }) => Math.min(1, completions)),
    deadLettered: count((job) => Math.min(1, job.letters)),
    duplicates: count((job) => Math.max(0, job.completions + job.letters - 1)),
    lost: all.filter(([, job]) => job.completions + job.letters === 0).map(([id]) => id),
    undercounted: all
      .filter(([, job]) => isUndercounted(job))
      .map(([id, { attempts }]) => `${id}: ${attempts.join(", ")}`),
  };
}

/**
 * Without a fork, the n-th run is told n at least. Each fork adds a line that goes on from the same count: the runs
 * are shared out among the lines, and none of them has more than its last attempt says.
 */
function isUndercounted({ attempts, forks }: Job): boolean {
  if (forks === 0) return attempts.some((attempt, index) => attempt < index + 1);
  return attempts.length > Math.max(...attempts) * (1 + forks);
}
