import type { JobSnapshot } from "../../../src/jobs/index.ts";
import { jobTypes, OTHER_KEYS, sendingOf } from "./config.ts";
import type { JobLogEvent } from "./job-log.ts";
import type { JobCrashPoint } from "./points.ts";
import type { Records } from "./records.ts";
import { type Takeovers, takeoversIn } from "./takeovers.ts";

/** The result of a campaign with recorded jobs: counts, and the jobs that went wrong. */
export interface JobReport {
  readonly sent: number;
  readonly records: Readonly<Record<string, number>>;
  readonly kills: Readonly<Partial<Record<JobCrashPoint, number>>>;
  /** Number of times that a handler was called. */
  readonly runs: number;
  /** Runs whose end was not recorded, as their process was killed or another run had taken the job over. */
  readonly reruns: number;
  /** Runs without a claim of messages whose id is that of another job. */
  readonly foreign: number;
  /** Runs without a claim since the store did not answer. */
  readonly untracked: number;
  /** Ends that the store has refused, since another run had the job. */
  readonly refused: number;
  readonly answersLost: number;
  readonly takeovers: Takeovers;
  /** L: Jobs that were sent, and have neither completed, failed nor been cancelled. */
  readonly lost: readonly string[];
  /** P: Records of jobs that nobody has sent, or of which no handler knows. */
  readonly phantoms: readonly string[];
  /** R: Runs that were claimed after a completion, or a cancellation, was recorded. */
  readonly runsAfterEnd: readonly string[];
  /** S: Records that say something else than what happened. */
  readonly wrong: readonly string[];
}

interface Seen {
  readonly keys: Set<number>;
  /** The lowest fence of a run that is recorded as completed. */
  completedFence: number | undefined;
  isCompleted: boolean;
  isHandled: boolean;
  isCancelling: boolean;
  /** Runs that began with a higher fence than that of the completion. */
  readonly fences: Set<number>;
}

/**
 * Compares what the processes did with what is recorded.
 * @param kept the ids of the jobs that are in the archive, or still recorded, after old records were deleted
 */
export function jobReport(
  log: readonly JobLogEvent[],
  { jobs, deadLetters, left }: Records,
  kept: ReadonlySet<string>,
): JobReport {
  const seen = new Map<string, Seen>();
  const handledKeys = new Set<number>();
  const sent = new Map<number, string>();
  const sending = new Set<number>();
  const kills: Partial<Record<JobCrashPoint, number>> = {};
  const counts = { runs: 0, foreign: 0, untracked: 0, refused: 0, answersLost: 0 };
  const endedFences = new Set<string>();
  const begunFences = new Set<string>();
  const of = (id: string): Seen => {
    const known = seen.get(id) ?? newSeen();
    seen.set(id, known);
    return known;
  };
  for (const event of log) {
    switch (event.kind) {
      case "sending":
        sending.add(event.key);
        break;
      case "sent":
        sent.set(event.key, event.id);
        break;
      case "began": {
        counts.runs += 1;
        const job = of(event.id);
        job.keys.add(event.key);
        if (event.fence === undefined) counts[isShared(event.key) ? "foreign" : "untracked"] += 1;
        else {
          begunFences.add(`${event.id} ${event.fence}`);
          job.fences.add(event.fence);
        }
        break;
      }
      case "handled":
        handledKeys.add(event.key);
        of(event.id).isHandled = true;
        break;
      case "ended":
        noteEnd(of(event.id), event);
        if (event.fence !== undefined) endedFences.add(`${event.id} ${event.fence}`);
        break;
      case "cancelling":
        of(event.id).isCancelling = true;
        break;
      case "cancelled":
      case "acked":
      case "aborted":
      case "overruled":
      case "frozen":
        break;
      case "refused":
        counts.refused += 1;
        break;
      case "answer_lost":
        counts.answersLost += 1;
        break;
      case "killed":
        kills[event.point] = (kills[event.point] ?? 0) + 1;
        break;
      default:
        event satisfies never;
    }
  }
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const sentIds = new Set(sent.values());
  const records: Record<string, number> = {};
  for (const { status } of jobs) records[status] = (records[status] ?? 0) + 1;
  return {
    sent: sent.size,
    records,
    kills,
    ...counts,
    takeovers: takeoversIn(log),
    reruns: [...begunFences].filter((run) => !endedFences.has(run)).length,
    lost: [...sent].flatMap(([key, id]) => lostBy(key, id, byId.get(id), handledKeys, deadLetters)),
    phantoms: jobs.flatMap((job) => phantomBy(job, seen.get(job.id), sending, sentIds)),
    runsAfterEnd: [...seen].flatMap(([id, job]) => runsAfter(id, job)),
    wrong: [
      ...jobs.flatMap((job) => wrongBy(job, of(job.id), deadLetters)),
      ...jobs.filter(({ id }) => !kept.has(id)).map(({ id }) => `${id} was deleted, and is not archived`),
      ...(left === 0 ? [] : [`${left} messages are left in the queues`]),
    ],
  };
}

function newSeen(): Seen {
  return {
    keys: new Set(),
    completedFence: undefined,
    isCompleted: false,
    isHandled: false,
    isCancelling: false,
    fences: new Set(),
  };
}

function noteEnd(job: Seen, { status, fence }: Extract<JobLogEvent, { kind: "ended" }>): void {
  if (status !== "completed") return;
  job.isCompleted = true;
  if (fence !== undefined) job.completedFence = Math.min(job.completedFence ?? fence, fence);
}

/** The record of this id is that of another message: the job runs untracked. */
function isShared(key: number): boolean {
  return sendingOf(key) === "reused" || key >= OTHER_KEYS;
}

/** Several messages of one queue have this id. */
function isReused({ keys }: Seen): boolean {
  return [...keys].some((key) => sendingOf(key) === "reused");
}

function lostBy(
  key: number,
  id: string,
  record: JobSnapshot | undefined,
  handled: ReadonlySet<number>,
  deadLetters: ReadonlySet<string>,
): string[] {
  const name = `${key} (${sendingOf(key)}, ${id})`;
  if (isShared(key)) return handled.has(key) ? [] : [`${name} was never handled`];
  if (record === undefined) return [`${name} has no record`];
  switch (record.status) {
    case "completed":
      return handled.has(key) ? [] : [`${name} is completed, and was never handled`];
    case "failed":
      return deadLetters.has(id) ? [] : [`${name} failed, and has no dead letter`];
    case "cancelled":
      return [];
    default:
      return [`${name} is ${record.status}`];
  }
}

function phantomBy(
  { id, status }: JobSnapshot,
  job: Seen | undefined,
  sending: ReadonlySet<number>,
  sentIds: ReadonlySet<string>,
): string[] {
  const isSent = [...(job?.keys ?? [])].every((key) => sending.has(key));
  if (job === undefined && !sentIds.has(id) && status !== "cancelled")
    return [`${id} is ${status}, and was neither sent nor run`];
  return isSent ? [] : [`${id} was run, and was never sent`];
}

function runsAfter(id: string, job: Seen): string[] {
  const { completedFence, fences } = job;
  if (completedFence === undefined || isReused(job)) return [];
  const later = [...fences].filter((fence) => fence > completedFence);
  return later.map((fence) => `${id} was completed by run ${completedFence}, and run ${fence} began`);
}

function wrongBy(record: JobSnapshot, job: Seen, deadLetters: ReadonlySet<string>): string[] {
  const { id, status, type } = record;
  if (isReused(job)) return [];
  const name = `${id} (${type})`;
  switch (status) {
    case "completed":
      if (type === jobTypes.failing) return [`${name} is completed, and always fails`];
      return job.isHandled ? [] : [`${name} is completed, and was never handled`];
    case "failed":
      if (type !== jobTypes.failing && type !== jobTypes.broken) return [`${name} failed`];
      if (job.isCompleted) return [`${name} failed after it was completed`];
      return deadLetters.has(id) ? [] : [`${name} failed, and has no dead letter`];
    case "cancelled":
      if (job.isCompleted) return [`${name} is cancelled after it was completed`];
      return job.isCancelling ? [] : [`${name} is cancelled, and nobody did so`];
    default:
      return [`${name} is ${status}`];
  }
}

/**
 * The problems that a report shows, one sentence each. `concurrency` is the number of handlers of a worker: one kill repeats
 * no more runs than that.
 */
export function jobProblemsOf(report: JobReport, concurrency: number): string[] {
  const kills = Object.values(report.kills).reduce((sum, count) => sum + count, 0);
  const most = kills * concurrency + report.refused;
  return [
    ...report.lost.map((text) => `lost: ${text}`),
    ...report.phantoms.map((text) => `phantom: ${text}`),
    ...report.runsAfterEnd.map((text) => `run after its end: ${text}`),
    ...report.wrong.map((text) => `wrong: ${text}`),
    ...(report.reruns <= most ? [] : [`${report.reruns} reruns; the kills explain at most ${most}`]),
  ];
}
