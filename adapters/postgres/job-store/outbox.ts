import { type DueJob, MAX_AHEAD_MS, taken, type TakeOptions } from "../../../src/jobs/store/index.ts";
import type { Facet } from "../../sql/job-store/row-codec.ts";
import { type BatchOutcome, type RowChange, writeChanges } from "./batch.ts";
import type { Run } from "./facets.ts";
import { JOB_COLUMNS, type JobRows } from "./job-rows.ts";
import { arrayOf } from "./text.ts";

const IN_ORDER = "ORDER BY k.due_at, k.created_at, k.id";

/** Takes jobs that are due, the one that is due first at the front, and passes over those that another process takes. */
export async function takeDue(
  run: Run,
  jobs: JobRows,
  ns: number,
  { queues, except = [], limit, takenMs }: TakeOptions,
  now: number,
): Promise<Pick<BatchOutcome, "hints" | "facets"> & { readonly due: DueJob[] }> {
  const facets = (await jobs.facets.list(run, ns)).filter(
    ({ queue }) => queues?.includes(queue) !== false && !except.includes(queue),
  );
  const find = (where: string, of: readonly Facet[], time: number, most: number): Promise<object[]> =>
    run(
      `SELECT ${JOB_COLUMNS} FROM ${jobs.schema}.job k
       WHERE k.ns = $1 AND ${where} AND k.facet = ANY($3::int[]) ${IN_ORDER} LIMIT $4 FOR UPDATE SKIP LOCKED`,
      [ns, time, arrayOf(of.map(({ facet }) => facet)), most],
    );
  const found = facets.length === 0 ? [] : await find("k.due_at <= $2::float8", facets, now, limit);
  // Written by a clock that was set back since.
  const queued = facets.filter(({ status }) => status === "queued");
  if (found.length < limit && queued.length > 0)
    found.push(...(await find("k.due_at > $2::float8", queued, now + MAX_AHEAD_MS, limit - found.length)));
  const stored = await jobs.decode(run, ns, found as never);
  const data = await jobs.data(run, stored, ["message"]);
  const due: DueJob[] = [];
  const changes: RowChange[] = [];
  for (const before of stored) {
    const row = taken(before.row, now, takenMs);
    const message = data.get(before.job)?.message;
    if (row === undefined || message === undefined) continue;
    changes.push({ before, row });
    due.push({ row, message });
  }
  const { hints, facets: created } = await writeChanges(run, jobs, ns, changes, now);
  return { due, hints, facets: created };
}

/** When a job is next due of one of the queues. */
export async function nextDueAt(
  run: Run,
  jobs: JobRows,
  ns: number,
  queues: readonly string[] | undefined,
): Promise<number | undefined> {
  const facets = (await jobs.facets.list(run, ns)).filter(({ queue }) => queues?.includes(queue) !== false);
  const [row] = await run(
    `SELECT k.due_at FROM ${jobs.schema}.job k
     WHERE k.ns = $1 AND k.due_at IS NOT NULL AND k.facet = ANY($2::int[]) ORDER BY k.due_at LIMIT 1`,
    [ns, arrayOf(facets.map(({ facet }) => facet))],
  );
  return row === undefined ? undefined : Number(row["due_at"]);
}
