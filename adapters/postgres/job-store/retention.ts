import { keptMs, MIN_KEPT_MS, type PruneOutcome, type PrunePolicy } from "../../../src/jobs/store/index.ts";
import { endOf, byEnd, type Finished, isPrunable } from "../../sql/job-store/retention-rules.ts";
import { SHELF, SHELVES } from "../../sql/job-store/row-codec.ts";
import { deleteRows, writeRows } from "./changed-rows.ts";
import type { Run } from "./facets.ts";
import { JOB_COLUMNS, type JobRows, type Stored } from "./job-rows.ts";
import { arrayOf, stored as storedText } from "./text.ts";

/** The first key of the lock of a deletion. Chosen at random. */
const PRUNE_LOCK = 821_406_117;

/** The finished jobs that a policy does not keep, the one that ended first at the front. */
export async function prunable(
  run: Run,
  jobs: JobRows,
  ns: number,
  policy: PrunePolicy,
  limit: number,
  now: number,
): Promise<Stored[]> {
  const doomed: Finished[] = [];
  for (const { shelf, status } of SHELVES)
    doomed.push(...(await endedBefore(run, jobs.schema, ns, shelf, now - keptMs(status, policy), limit)));
  const beyond = await countBeyond(run, jobs.schema, ns, policy);
  if (beyond > 0) {
    const oldest: Finished[] = [];
    for (const { shelf } of SHELVES)
      oldest.push(
        ...(await endedBefore(run, jobs.schema, ns, shelf, now - MIN_KEPT_MS, Math.min(limit, beyond))),
      );
    doomed.push(...oldest.toSorted(byEnd).slice(0, beyond));
  }
  const numbers = new Set(doomed.toSorted(byEnd).map(({ job }) => job));
  return jobs.byNumbers(run, ns, [...numbers].slice(0, limit));
}

/**
 * Deletes what a policy does not keep. Called within a transaction. Jobs that another transaction has locked are left to a
 * later call.
 *
 * @param ids the jobs that may be deleted; undefined for all
 */
export async function prune(
  run: Run,
  jobs: JobRows,
  ns: number,
  policy: PrunePolicy,
  {
    limit,
    ids,
    now,
  }: { readonly limit: number; readonly ids?: readonly string[] | undefined; readonly now: number },
): Promise<PruneOutcome> {
  // Otherwise two processes would find the same jobs, and one of them nothing to delete.
  await run("SELECT pg_advisory_xact_lock($1::int, $2::int)", [PRUNE_LOCK, ns]);
  const doomed =
    ids === undefined
      ? await prunable(run, jobs, ns, policy, limit + 1, now)
      : await prunableOf(run, jobs, ns, policy, ids, now);
  const deleted = await locked(run, jobs, ns, doomed.slice(0, limit));
  await deleteRows(run, jobs.schema, ns, deleted);
  const old = await endedBefore(run, jobs.schema, ns, SHELF.withData, now - policy.dataMs, limit);
  const stripped = await locked(
    run,
    jobs,
    ns,
    await jobs.byNumbers(
      run,
      ns,
      old.map(({ job }) => job),
    ),
  );
  await strip(run, jobs, ns, stripped);
  return {
    deleted: deleted.length,
    stripped: stripped.length,
    hasMore: doomed.length > limit || old.length >= limit,
  };
}

/** Removes the data of jobs. It is no change of a job, and is not reported. */
async function strip(run: Run, { schema }: JobRows, ns: number, jobs: readonly Stored[]): Promise<void> {
  if (jobs.length === 0) return;
  await run(`DELETE FROM ${schema}.job_data WHERE job = ANY($1::bigint[])`, [
    arrayOf(jobs.map(({ job }) => job)),
  ]);
  const rows = jobs.map((before) => ({
    before: { ...before, parts: 0 },
    row: { ...before.row, hasMessage: false, hasSaved: false },
    facet: before.facet,
    seq: undefined,
    data: undefined,
  }));
  await writeRows(run, schema, ns, rows);
}

/** The jobs that are still there, and that no other transaction has locked. */
async function locked(run: Run, jobs: JobRows, ns: number, some: readonly Stored[]): Promise<Stored[]> {
  if (some.length === 0) return [];
  const rows = await run(
    `SELECT ${JOB_COLUMNS} FROM ${jobs.schema}.job k
     WHERE k.job = ANY($1::bigint[]) AND k.shelf IS NOT NULL ORDER BY k.id FOR UPDATE SKIP LOCKED`,
    [arrayOf(some.map(({ job }) => job))],
  );
  return jobs.decode(run, ns, rows);
}

/** The jobs of a list that are to be deleted, the one that ended first at the front. */
async function prunableOf(
  run: Run,
  jobs: JobRows,
  ns: number,
  policy: PrunePolicy,
  ids: readonly string[],
  now: number,
): Promise<Stored[]> {
  const rows = await run(
    `SELECT ${JOB_COLUMNS} FROM ${jobs.schema}.job k WHERE k.ns = $1 AND k.id = ANY($2::text[])`,
    [ns, arrayOf(ids.map((id) => storedText(id)))],
  );
  const last = await lastBeyond(run, jobs.schema, ns, policy);
  return (await jobs.decode(run, ns, rows))
    .filter((one) => isPrunable(one, policy, last, now))
    .toSorted((one, other) => byEnd(endOf(one), endOf(other)));
}

/** The number of finished jobs beyond those that the policy keeps at most. */
async function countBeyond(
  run: Run,
  schema: string,
  ns: number,
  { maxFinished }: PrunePolicy,
): Promise<number> {
  const [row] = await run(`SELECT count(*) AS count FROM ${schema}.job WHERE ns = $1 AND shelf IS NOT NULL`, [
    ns,
  ]);
  return Math.max(0, Number(row?.["count"]) - maxFinished);
}

/** The last of the jobs, in the order of their end, that are beyond the number that the policy keeps. */
async function lastBeyond(
  run: Run,
  schema: string,
  ns: number,
  policy: PrunePolicy,
): Promise<Finished | undefined> {
  const beyond = await countBeyond(run, schema, ns, policy);
  if (beyond === 0) return undefined;
  const [row] = await run(
    `SELECT job, finished_at FROM ${schema}.job WHERE ns = $1 AND shelf IS NOT NULL
     ORDER BY finished_at, job LIMIT 1 OFFSET $2`,
    [ns, beyond - 1],
  );
  return row && { job: Number(row["job"]), finished_at: Number(row["finished_at"]) };
}

async function endedBefore(
  run: Run,
  schema: string,
  ns: number,
  shelf: number,
  time: number,
  limit: number,
): Promise<Finished[]> {
  const rows = await run(
    `SELECT job, finished_at FROM ${schema}.job
     WHERE ns = $1 AND shelf = $2 AND finished_at < $3::float8 ORDER BY finished_at, job LIMIT $4`,
    [ns, shelf, time, limit],
  );
  return rows.map(({ job, finished_at }) => ({ job: Number(job), finished_at: Number(finished_at) }));
}
