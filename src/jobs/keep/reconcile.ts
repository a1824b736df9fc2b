import { checkKeys, isQueueError, QueueError } from "../../errors.ts";
import { sleep } from "../../lib/clock.ts";
import { show } from "../../lib/text.ts";
import type { DeadLetter } from "../../queue/dead-letters.ts";
import type { JobsContext } from "../context.ts";
import { type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import { reasonOf } from "../reason.ts";
import type { AssumeChange } from "../store/change.ts";
import type { JobRow } from "../store/job-row.ts";
import { type ListPlace, placeAfterPage, type StoredJobFilter } from "../store/job-store.ts";
import { stampsOf } from "../track/seed.ts";
import { findDeadLetters } from "./find-dead-letters.ts";
import { discardOutdated, queuesWithJobs } from "./outdated-dead-letters.ts";

/** The options of `Jobs.reconcile`. */
export interface ReconcileOptions {
  /** The outcome of jobs of which no run is known to go on, and whose message is not found. @default they stay as they are */
  readonly assume?: "completed" | "failed" | "lost" | undefined;
  /** Whether to change nothing, and only to return the jobs that would be closed. @default false */
  readonly dryRun?: boolean | undefined;
  /** Ends the operation after the current queue. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** Time since the last word of a job after which its message is looked for. A redelivery has come by then, if a worker is there. */
const SILENT_MS = 300_000;
/** Jobs of one pass. */
const MAX_JOBS = 10_000;
const PAGE = 500;

/** The outcome of a job whose message is gone. */
type Finding = Pick<AssumeChange, "outcome" | "reason" | "isBuried">;

/**
 * Closes the records of jobs whose message is gone. A message in the dead-letter queue makes its job failed. One that the
 * provider has removed by now, or that an empty queue does not have, makes it lost. `assume` closes the others of which no
 * run is known to go on. Then discards the dead letters of jobs that were retried since.
 *
 * @param retriedIn the queues in which jobs are known to have been retried; undefined if that is not known
 */
export async function reconcile(
  context: JobsContext,
  options: ReconcileOptions = {},
  retriedIn?: Set<string>,
): Promise<JobSnapshot[]> {
  checkKeys("reconcile", options, { assume: true, dryRun: true, signal: true });
  const { assume, dryRun = false, signal } = options;
  if (assume !== undefined && !["completed", "failed", "lost"].includes(assume))
    throw new QueueError(
      "invalid_options",
      `reconcile: assume is "completed", "failed" or "lost"; got ${show(assume)}.`,
    );
  const { records, clock, warn } = context;
  const now = await records.read((store) => store.now());
  const counts = await records.read((store, namespace) => store.counts(namespace));
  const closed: JobSnapshot[] = [];
  for (const queue of new Set(counts.map((one) => one.queue))) {
    if (signal?.aborted === true) break;
    let findings: readonly (readonly [JobRow, Finding])[];
    try {
      findings = await findingsOf(context, queue, now, assume, signal);
    } catch (error) {
      if (isQueueError(error, "store_unavailable")) throw error;
      warn("reconcile", `The messages of queue "${queue}" could not be looked for: ${reasonOf(error)}.`);
      continue;
    }
    for (const [row, finding] of findings) {
      const { id, version } = row;
      const { ok, row: after = row } = dryRun
        ? { ok: true }
        : await records.change({ kind: "assume", id, version, ...finding });
      if (ok) closed.push(snapshotOf({ row: after }, clock.now()));
    }
  }
  if (!dryRun) await discardOutdated(context, retriedIn ?? (await queuesWithJobs(context)), signal);
  return closed;
}

/** The outcomes of silent jobs, as far as they are known. A job whose message may be in its queue is left out. */
async function findingsOf(
  context: JobsContext,
  queue: string,
  now: number,
  assume: AssumeChange["outcome"] | undefined,
  signal: AbortSignal | undefined,
): Promise<(readonly [JobRow, Finding])[]> {
  const { queue: managed, warn } = context;
  const lapsed = await silentJobs(context, { queue: [queue], isStalled: true }, now);
  const { limits } = await managed.describe(queue);
  const isEmpty = await isQueueEmpty(managed, queue);
  // A job that waits long is usual: its message is looked for only if it cannot be in the queue any more.
  const goneMs = isEmpty ? SILENT_MS : limits.retentionMs;
  const waiting = await silentJobs(
    context,
    { queue: [queue], status: ["queued", "retrying"], createdBefore: now - goneMs },
    now,
    goneMs,
  );
  const rows = [...lapsed, ...waiting];
  if (rows.length === 0) return [];
  const isFound = (row: JobRow, found: ReadonlyMap<string, DeadLetter[]>): DeadLetter | undefined =>
    found.get(row.id)?.find((one) => isDeadLetterOf(row, one));
  const withoutMessage = (row: JobRow): Finding | undefined => {
    if (now - heardAt(row) > limits.retentionMs) return { outcome: "lost", reason: "expired_at_broker" };
    if (assume !== undefined && row.status === "processing") return { outcome: assume, reason: "assumed" };
    return isEmpty ? { outcome: "lost", reason: "lost_track" } : undefined;
  };
  const ids = new Set(rows.map(({ id }) => id));
  const { byId, areAllSeen } = await findDeadLetters(context, queue, ids, {
    isEnough: (found) =>
      rows.every((row) => isFound(row, found) !== undefined || withoutMessage(row) === undefined),
    signal,
  });
  if (!areAllSeen && signal?.aborted !== true)
    warn(
      "reconcile",
      `Some dead letters of queue "${queue}" could not be read: another process may be reading them. Jobs whose message was not found stay as they are until the next look.`,
    );
  return rows.flatMap((row): (readonly [JobRow, Finding])[] => {
    const deadLetter = isFound(row, byId);
    if (deadLetter !== undefined)
      return [[row, { outcome: "failed", reason: deadLetter.info.reason, isBuried: true }]];
    const finding = areAllSeen ? withoutMessage(row) : undefined;
    return finding === undefined ? [] : [[row, finding]];
  });
}

/**
 * Whether a dead letter is that of the job as it stands, and so its message is in no queue. An earlier generation of the job
 * may have left one, and so may another message with the same id.
 */
function isDeadLetterOf(row: JobRow, { message, attributes, info }: DeadLetter): boolean {
  if (message?.type !== row.type) return false;
  if (row.stamp !== undefined && !stampsOf(message, attributes["qp_job"]).includes(row.stamp)) return false;
  const generation = Number(attributes["qp_redrive"] ?? 0);
  // Another tool may have moved the message back without counting that. Its dead letter is younger than its last claim.
  return generation >= row.generation || info.at.getTime() >= row.updatedAt;
}

/** Jobs whose message was sent, and of which nothing was heard for a while. */
async function silentJobs(
  { records }: JobsContext,
  filter: StoredJobFilter,
  now: number,
  silentMs: number = SILENT_MS,
): Promise<JobRow[]> {
  if (filter.createdBefore === Number.NEGATIVE_INFINITY) return [];
  const rows: JobRow[] = [];
  let after: ListPlace | undefined;
  while (rows.length < MAX_JOBS) {
    const page = { limit: PAGE, order: "oldest", after, maxTotal: 0 } as const;
    const found = await records.read((store, namespace) => store.list(namespace, filter, page));
    rows.push(...found.rows.filter((row) => row.dispatch === undefined && now - heardAt(row) > silentMs));
    after = placeAfterPage(found);
    if (after === undefined) break;
  }
  return rows;
}

/** When a job should have been heard of last, in epoch milliseconds. */
function heardAt({ hold, nextAt, updatedAt }: JobRow): number {
  return Math.max(hold?.until ?? 0, nextAt ?? 0, updatedAt);
}

/** Whether a queue is known to have no message. An estimate does not count. */
async function isQueueEmpty(managed: JobsContext["queue"], queue: string): Promise<boolean> {
  const { messages, inFlight, delayed, approximate } = await managed.stats(queue);
  return !approximate && messages === 0 && inFlight === 0 && delayed === 0;
}

/** Reconciles from time to time, until `signal` aborts. */
export async function keepReconciling(
  context: JobsContext,
  retriedIn: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(context.clock, SILENT_MS, signal);
    if (signal.aborted) return;
    try {
      await reconcile(context, { signal }, retriedIn);
    } catch (error) {
      context.warn("reconcile", `Silent jobs could not be looked at: ${reasonOf(error)}. It is tried again.`);
    }
  }
}
