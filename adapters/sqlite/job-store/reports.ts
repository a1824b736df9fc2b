import { QueueError } from "../../../src/driver/index.ts";
import { type ChangePage, isFinal, type JobCount, type MinuteCount } from "../../../src/jobs/store/index.ts";
import type { JobTable } from "./job-table.ts";
import { type JobRecord, READ } from "./row-codec.ts";
import type { Statements } from "./statements.ts";
import { MAX_MINUTES, MINUTE_MS } from "./writer.ts";

/** The number of unfinished jobs. */
export function countsOf(jobs: JobTable, ns: number): JobCount[] {
  const counts = new Map<string, JobCount>();
  for (const { queue, type, status, count } of jobs.facets.list(ns)) {
    if (isFinal(status)) continue;
    // Without the priority, which the facets have as well.
    const key = JSON.stringify([queue, type, status]);
    counts.set(key, { queue, type, status, count: count + (counts.get(key)?.count ?? 0) });
  }
  return [...counts.values()];
}

interface MinuteRecord {
  readonly minute: number;
  readonly facet: number;
  readonly count: number;
  readonly duration_ms: number;
}

/** The jobs that ended since a time, by the minute. */
export function minutesOf(
  statements: Statements,
  jobs: JobTable,
  ns: number,
  since: number,
  now: number,
): MinuteCount[] {
  const from = Math.max(since - MINUTE_MS, now - MAX_MINUTES * MINUTE_MS - 1);
  const records = statements
    .of("SELECT * FROM queueport_minutes WHERE minute > ? ORDER BY minute")
    .all(from) as unknown as MinuteRecord[];
  const minutes = new Map<string, MinuteCount>();
  for (const { minute, facet, count, duration_ms: durationMs } of records) {
    const { ns: of, queue, type, status } = jobs.facets.get(facet);
    if (of !== ns) continue;
    const key = JSON.stringify([minute, queue, type, status]);
    const sum = minutes.get(key);
    minutes.set(key, {
      minute,
      queue,
      type,
      status: status as MinuteCount["status"],
      count: count + (sum?.count ?? 0),
      durationMs: durationMs + (sum?.durationMs ?? 0),
    });
  }
  return [...minutes.values()];
}

/** @param lastSeq the number of the last change of the file */
export function changedSince(
  statements: Statements,
  jobs: JobTable,
  ns: number,
  cursor: string | undefined,
  limit: number,
  lastSeq: number,
): ChangePage {
  if (cursor === undefined) return { rows: [], cursor: String(lastSeq), hasMore: false };
  if (!/^\d{1,15}$/.test(cursor))
    throw new QueueError("invalid_options", "The cursor is not one that this job store has given.");
  // Otherwise a reader would see nothing until as many changes were made again.
  if (Number(cursor) > lastSeq)
    throw new QueueError(
      "invalid_options",
      "The cursor is later than the last change: the job store was replaced, or restored from a copy.",
    );
  const records = statements.of(READ.since).all(ns, Number(cursor), limit + 1) as unknown as JobRecord[];
  const hasMore = records.length > limit;
  const page = records.slice(0, limit);
  const last = hasMore ? (page.at(-1)?.seq ?? cursor) : lastSeq;
  return { rows: page.map((record) => jobs.decode(record).row), cursor: String(last), hasMore };
}
