import { checkKeys, QueueError } from "../../errors.ts";
import { sleep } from "../../lib/clock.ts";
import { show } from "../../lib/text.ts";
import type { JobsContext } from "../context.ts";
import { type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import type { ReconcileOptions } from "../jobs.ts";
import { reasonOf } from "../reason.ts";
import type { AssumeChange } from "../store/change.ts";
import type { JobRow } from "../store/job-row.ts";
import type { ListPlace, StoredJobFilter } from "../store/job-store.ts";

/** Time since the last word of a job after which its message is looked for. A redelivery has come by then, if a worker is there. */
const SILENT_MS = 300_000;
/** Jobs of one pass. */
const MAX_JOBS = 10_000;
const PAGE = 500;

/** The outcome of a job whose message is gone. */
type Finding = Pick<AssumeChange, "outcome" | "reason">;

/**
 * Closes the records of jobs whose message is gone. A message in the dead-letter queue makes its job failed. One that the
 * provider has removed by now, or that an empty queue does not have, makes it lost. `assume` closes the others of which no
 * run is known to go on.
 */
export async function reconcile(
  context: JobsContext,
  options: ReconcileOptions = {},
): Promise<JobSnapshot[]> {
  checkKeys("reconcile", options, { assume: true, dryRun: true, signal: true });
  const { assume, dryRun = false, signal } = options;
  if (assume !== undefined && !["completed", "failed", "lost"].includes(assume))
    throw new QueueError(
      "invalid_options",
      `reconcile: assume is "completed", "failed" or "lost"; got ${show(assume)}.`,
    );
  const { records, clock } = context;
  const now = await records.read((store) => store.now());
  const byQueue = Map.groupBy(await silentJobs(context, now), ({ queue }) => queue);
  const closed: JobSnapshot[] = [];
  for (const [queue, rows] of byQueue) {
    if (signal?.aborted === true) break;
    const findings = await findingsOf(context, queue, rows, now, assume);
    for (const [row, finding] of findings) {
      if (dryRun) {
        closed.push(snapshotOf({ row }, clock.now()));
        continue;
      }
      const { ok, row: after = row } = await records.change({
        kind: "assume",
        id: row.id,
        version: row.version,
        ...finding,
      });
      if (ok) closed.push(snapshotOf({ row: after }, clock.now()));
    }
  }
  return closed;
}

/** Jobs of which nothing was heard for a while although their message was sent. */
async function silentJobs(context: JobsContext, now: number): Promise<JobRow[]> {
  const lapsed = await allOf(context, { isStalled: true });
  const waiting = await allOf(context, { status: ["queued", "retrying"], createdBefore: now - SILENT_MS });
  return [...lapsed, ...waiting].filter(
    (row) => row.dispatch === undefined && now - heardAt(row) > SILENT_MS,
  );
}

/** When a job should have been heard of last, in epoch milliseconds. */
function heardAt({ hold, nextAt, updatedAt }: JobRow): number {
  return Math.max(hold?.until ?? 0, nextAt ?? 0, updatedAt);
}

async function allOf({ records }: JobsContext, filter: StoredJobFilter): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  let after: ListPlace | undefined;
  while (rows.length < MAX_JOBS) {
    const page = { limit: PAGE, order: "oldest", after, maxTotal: 0 } as const;
    const found = await records.read((store, namespace) => store.list(namespace, filter, page));
    rows.push(...found.rows);
    const last = rows.at(-1);
    if (!found.hasMore || last === undefined) break;
    after = { createdAt: last.createdAt, id: last.id };
  }
  return rows;
}

/** The outcomes of silent jobs, as far as they are known. A job whose message may be in its queue is left out. */
async function findingsOf(
  { queue: managed, warn }: JobsContext,
  queue: string,
  rows: readonly JobRow[],
  now: number,
  assume: AssumeChange["outcome"] | undefined,
): Promise<[JobRow, Finding][]> {
  try {
    const ids = rows.map(({ id }) => id);
    const dead = await managed.deadLetters(queue).list({ ids, limit: ids.length });
    const reasons = new Map(dead.map(({ id, info }) => [id, info.reason]));
    const { limits } = await managed.describe(queue);
    const isEmpty = await isQueueEmpty(managed, queue);
    return rows.flatMap((row): [JobRow, Finding][] => {
      const reason = reasons.get(row.id);
      if (reason !== undefined) return [[row, { outcome: "failed", reason }]];
      if (now - heardAt(row) > limits.retentionMs)
        return [[row, { outcome: "lost", reason: "expired_at_broker" }]];
      if (assume !== undefined && row.status === "processing")
        return [[row, { outcome: assume, reason: "assumed" }]];
      return isEmpty ? [[row, { outcome: "lost", reason: "lost_track" }]] : [];
    });
  } catch (error) {
    warn("reconcile", `The messages of queue "${queue}" could not be looked for: ${reasonOf(error)}.`);
    return [];
  }
}

/** Whether a queue is known to have no message. An estimate does not count. */
async function isQueueEmpty(managed: JobsContext["queue"], queue: string): Promise<boolean> {
  const { messages, inFlight, delayed, approximate } = await managed.stats(queue);
  return !approximate && messages === 0 && inFlight === 0 && delayed === 0;
}

/** Reconciles from time to time, until `signal` aborts. */
export async function keepReconciling(context: JobsContext, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(context.clock, SILENT_MS, signal);
    if (signal.aborted) return;
    try {
      await reconcile(context, { signal });
    } catch (error) {
      context.warn("reconcile", `Silent jobs could not be looked at: ${reasonOf(error)}. It is tried again.`);
    }
  }
}
