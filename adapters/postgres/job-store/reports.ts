import {
  type ChangePage,
  isFinal,
  type JobCount,
  type MinuteCount,
  WORKER_GONE_MS,
  type WorkerRow,
} from "../../../src/jobs/store/index.ts";
import { minutesAfter, seqOfCursor, summedCounts, summedMinutes } from "../../sql/job-store/reports.ts";
import type { Run } from "./facets.ts";
import { JOB_COLUMNS, type JobRows, type Stored } from "./job-rows.ts";
import { arrayOf, stored } from "./text.ts";

/** The number of unfinished jobs. */
export async function countsOf(run: Run, jobs: JobRows, ns: number): Promise<JobCount[]> {
  const facets = (await jobs.facets.list(run, ns)).filter(({ status }) => !isFinal(status));
  jobs.facets.committed(facets);
  const rows = await run(
    `SELECT facet, count(*) AS count FROM ${jobs.schema}.job WHERE facet = ANY($1::int[]) GROUP BY facet`,
    [arrayOf(facets.map(({ facet }) => facet))],
  );
  return summedCounts(
    rows.map(({ facet, count }) => ({ ...jobs.facets.get(Number(facet)), count: Number(count) })),
  );
}

/** The jobs that ended since a time, by the minute. */
export async function minutesOf(
  run: Run,
  jobs: JobRows,
  ns: number,
  since: number,
  now: number,
): Promise<MinuteCount[]> {
  const rows = await run(
    `SELECT minute, facet, count, duration_ms FROM ${jobs.schema}.job_minute
     WHERE ns = $1 AND minute > $2::float8 ORDER BY minute`,
    [ns, minutesAfter(since, now)],
  );
  await jobs.facets.know(
    run,
    ns,
    rows.map(({ facet }) => Number(facet)),
  );
  return summedMinutes(
    rows.map(({ minute, facet, count, duration_ms }) => {
      const { queue, type, status } = jobs.facets.get(Number(facet));
      return {
        minute: Number(minute),
        queue,
        type,
        status: status as MinuteCount["status"],
        count: Number(count),
        durationMs: Number(duration_ms),
      };
    }),
  );
}

/** The number of the last change. */
export async function lastSeq(run: Run, schema: string, ns: number): Promise<number> {
  const [row] = await run(`SELECT seq FROM ${schema}.job_namespace WHERE ns = $1`, [ns]);
  return Number(row?.["seq"]);
}

/** The jobs that have changed after a change, in the order of their last change. */
export async function rowsSince(
  run: Run,
  jobs: JobRows,
  ns: number,
  seq: number,
  limit: number,
): Promise<Stored[]> {
  const rows = await run(
    `SELECT ${JOB_COLUMNS} FROM ${jobs.schema}.job k WHERE k.ns = $1 AND k.seq > $2::bigint ORDER BY k.seq LIMIT $3`,
    [ns, seq, limit],
  );
  return jobs.decode(run, ns, rows);
}

export async function changedSince(
  run: Run,
  jobs: JobRows,
  ns: number,
  cursor: string | undefined,
  limit: number,
): Promise<ChangePage> {
  // Read first: a change between the two statements belongs to the next page.
  const last = await lastSeq(run, jobs.schema, ns);
  if (cursor === undefined) return { rows: [], cursor: String(last), hasMore: false };
  const found = await rowsSince(run, jobs, ns, seqOfCursor(cursor, last), limit + 1);
  const page = found.slice(0, limit);
  const hasMore = found.length > limit;
  const seen = page.at(-1)?.seq ?? last;
  return {
    rows: page.map(({ row }) => row),
    cursor: String(hasMore ? seen : Math.max(seen, last)),
    hasMore,
  };
}

/** Writes the row of a worker, and deletes those of workers that are gone. */
export async function beat(
  run: Run,
  schema: string,
  ns: number,
  worker: WorkerRow,
  now: number,
): Promise<void> {
  await run(
    `INSERT INTO ${schema}.job_worker (ns, id, seen_at, row) VALUES ($1, $2, $3::float8, $4)
     ON CONFLICT (ns, id) DO UPDATE SET seen_at = excluded.seen_at, row = excluded.row`,
    [ns, stored(worker.id), now, JSON.stringify({ ...worker, seenAt: now })],
  );
  await run(`DELETE FROM ${schema}.job_worker WHERE ns = $1 AND seen_at < $2::float8`, [
    ns,
    now - WORKER_GONE_MS,
  ]);
}

/** The workers that were seen lately, the one that came first at the front. */
export async function liveWorkers(run: Run, schema: string, ns: number, now: number): Promise<WorkerRow[]> {
  const rows = await run(
    `SELECT row FROM ${schema}.job_worker WHERE ns = $1 AND seen_at >= $2::float8 ORDER BY place`,
    [ns, now - WORKER_GONE_MS],
  );
  return rows.map(({ row }) => JSON.parse(String(row)) as WorkerRow);
}
