import type { ChangePage, JobCount, MinuteCount } from "../../../src/jobs/store/index.ts";
import { minutesAfter, seqOfCursor, summedCounts, summedMinutes } from "../../sql/job-store/reports.ts";
import type { JobRecord } from "../../sql/job-store/row-codec.ts";
import type { JobTable } from "./job-table.ts";
import { READ } from "./read-statements.ts";
import type { Statements } from "./statements.ts";

/** The number of unfinished jobs. */
export function countsOf(jobs: JobTable, ns: number): JobCount[] {
  return summedCounts(jobs.facets.list(ns));
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
  const records = statements
    .of("SELECT * FROM queueport_minutes WHERE minute > ? ORDER BY minute")
    .all(minutesAfter(since, now)) as unknown as MinuteRecord[];
  return summedMinutes(
    records.flatMap(({ minute, facet, count, duration_ms: durationMs }) => {
      const { ns: of, queue, type, status } = jobs.facets.get(facet);
      if (of !== ns) return [];
      return [{ minute, queue, type, status: status as MinuteCount["status"], count, durationMs }];
    }),
  );
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
  const since = seqOfCursor(cursor, lastSeq);
  const records = statements.of(READ.since).all(ns, since, limit + 1) as unknown as JobRecord[];
  const hasMore = records.length > limit;
  const page = records.slice(0, limit);
  const last = hasMore ? (page.at(-1)?.seq ?? cursor) : lastSeq;
  return { rows: page.map((record) => jobs.decode(record).row), cursor: String(last), hasMore };
}
