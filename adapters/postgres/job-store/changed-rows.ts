import type { JobRow } from "../../../src/jobs/store/index.ts";
import type { EncodedData } from "../../sql/job-store/data-codec.ts";
import { MAX_MINUTES, MINUTE_MS } from "../../sql/job-store/reports.ts";
import { encodeRest, haveSameTerms, shelfOf, termsOf, timesOf } from "../../sql/job-store/row-codec.ts";
import type { Run } from "./facets.ts";
import type { Stored } from "./job-rows.ts";
import { arrayOf, stored as storedText } from "./text.ts";

/** A row to be written. */
export interface ChangedRow {
  readonly before: Stored | undefined;
  readonly row: JobRow;
  readonly facet: number;
  /** Undefined: that of before. */
  readonly seq: number | undefined;
  readonly data: EncodedData | undefined;
}

/** The jobs of a facet that ended in one minute. */
export interface EndedJobs {
  readonly minute: number;
  readonly facet: number;
  count: number;
  durationMs: number;
}

/**
 * Writes rows with everything that depends on them, each kind in one statement.
 * @returns the ids of new rows that were not written, since another transaction has created a row of that id meanwhile
 */
export async function writeRows(
  run: Run,
  schema: string,
  ns: number,
  changed: readonly ChangedRow[],
): Promise<ReadonlySet<string>> {
  const [created, updated] = [
    changed.filter(({ before }) => before === undefined),
    changed.filter(({ before }) => before !== undefined),
  ];
  const numbers = await insertRows(run, schema, ns, created);
  await updateRows(run, schema, updated);
  const written = changed.flatMap((one) => {
    const job = one.before?.job ?? numbers.get(one.row.id);
    return job === undefined ? [] : [{ ...one, job }];
  });
  await writeTerms(run, schema, ns, written);
  await writeData(run, schema, written);
  return new Set(created.map(({ row }) => row.id).filter((id) => !numbers.has(id)));
}

function columnsOf({ row, before, facet, seq, data }: ChangedRow): Record<string, unknown> {
  const { dueAt, heldUntil, finishedAt } = timesOf(row);
  const parts = data?.parts ?? before?.parts ?? 0;
  return {
    facet,
    created_at: row.createdAt,
    seq: seq ?? before?.seq ?? null,
    due_at: dueAt,
    held_until: heldUntil,
    finished_at: finishedAt,
    shelf: shelfOf(row, parts),
    parts,
    row: encodeRest(row),
  };
}

const COLUMNS = "facet, created_at, seq, due_at, held_until, finished_at, shelf, parts, row";
const TYPES =
  "facet int, created_at float8, seq bigint, due_at float8, held_until float8, finished_at float8, shelf smallint, parts int, row text";

async function insertRows(
  run: Run,
  schema: string,
  ns: number,
  created: readonly ChangedRow[],
): Promise<ReadonlyMap<string, number>> {
  if (created.length === 0) return new Map();
  const byStored = new Map(created.map((one) => [storedText(one.row.id), one.row.id]));
  // In the order of their ids, so that two transactions do not wait for each other.
  const rows = created
    .map((one) => ({ id: storedText(one.row.id), ...columnsOf(one) }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const inserted = await run(
    `INSERT INTO ${schema}.job (ns, id, ${COLUMNS})
     SELECT $1::int, id, ${COLUMNS} FROM json_to_recordset($2::json) AS x(id text, ${TYPES})
     ON CONFLICT DO NOTHING RETURNING id, job`,
    [ns, JSON.stringify(rows)],
  );
  return new Map(inserted.map(({ id, job }) => [byStored.get(String(id)) ?? "", Number(job)]));
}

async function updateRows(run: Run, schema: string, updated: readonly ChangedRow[]): Promise<void> {
  if (updated.length === 0) return;
  const rows = updated.map((one) => ({ job: one.before?.job, ...columnsOf(one) }));
  const sets = COLUMNS.split(", ").map((column) => `${column} = x.${column}`);
  await run(
    `UPDATE ${schema}.job k SET ${sets.join(", ")}
     FROM json_to_recordset($1::json) AS x(job bigint, ${TYPES}) WHERE k.job = x.job`,
    [JSON.stringify(rows)],
  );
}

type Written = ChangedRow & { readonly job: number };

interface TermRow {
  readonly term: string;
  readonly created_at: number;
  readonly id: string;
  readonly job: number;
}

async function writeTerms(run: Run, schema: string, ns: number, written: readonly Written[]): Promise<void> {
  const [removed, added]: TermRow[][] = [[], []];
  for (const { before, row, job } of written) {
    const isMoved = before !== undefined && row.createdAt !== before.row.createdAt;
    if (before !== undefined && !isMoved && haveSameTerms(before.row, row)) continue;
    const was = before === undefined ? new Set<string>() : termsOf(before.row);
    const is = termsOf(row);
    for (const term of was)
      if (isMoved || !is.has(term)) removed?.push(termRow(term, before?.row ?? row, job));
    for (const term of is) if (isMoved || !was.has(term)) added?.push(termRow(term, row, job));
  }
  const types = "term text, created_at float8, id text, job bigint";
  if (removed !== undefined && removed.length > 0)
    await run(
      `DELETE FROM ${schema}.job_term t USING json_to_recordset($2::json) AS x(${types})
       WHERE t.ns = $1::int AND t.term = x.term AND t.created_at = x.created_at AND t.id = x.id`,
      [ns, JSON.stringify(removed)],
    );
  if (added !== undefined && added.length > 0)
    await run(
      `INSERT INTO ${schema}.job_term (ns, term, created_at, id, job)
       SELECT $1::int, term, created_at, id, job FROM json_to_recordset($2::json) AS x(${types})
       ON CONFLICT DO NOTHING`,
      [ns, JSON.stringify(added)],
    );
}

function termRow(term: string, { createdAt, id }: JobRow, job: number): TermRow {
  return { term: storedText(term), created_at: createdAt, id: storedText(id), job };
}

/** Most changes set the same few columns: one statement for each set of columns. */
async function writeData(run: Run, schema: string, written: readonly Written[]): Promise<void> {
  const byColumns = new Map<string, Record<string, unknown>[]>();
  for (const { job, data } of written) {
    if (data === undefined) continue;
    const key = data.columns.join(", ");
    const values = data.columns.map((column, index) => [column, data.values[index]] as const);
    const rows = byColumns.get(key) ?? [];
    rows.push({ job, ...Object.fromEntries(values) });
    byColumns.set(key, rows);
  }
  for (const [columns, rows] of byColumns) {
    const names = columns === "" ? [] : columns.split(", ");
    const sets = names.map((name) => `${name} = excluded.${name}`);
    const all = ["job", ...names].join(", ");
    const types = ["job bigint", ...names.map((name) => `${name} text`)].join(", ");
    await run(
      `INSERT INTO ${schema}.job_data (${all}) SELECT ${all} FROM json_to_recordset($1::json) AS x(${types})
       ON CONFLICT (job) ${sets.length === 0 ? "DO NOTHING" : `DO UPDATE SET ${sets.join(", ")}`}`,
      [JSON.stringify(rows)],
    );
  }
}

/** Adds to the counts of minutes, and deletes those of yesterday. Called with the lock on the number of changes. */
export async function countEnded(
  run: Run,
  schema: string,
  ns: number,
  ended: readonly EndedJobs[],
): Promise<void> {
  if (ended.length === 0) return;
  await run(
    `INSERT INTO ${schema}.job_minute AS m (ns, minute, facet, count, duration_ms)
     SELECT $1::int, minute, facet, count, "durationMs"
     FROM json_to_recordset($2::json) AS x(minute float8, facet int, count bigint, "durationMs" float8)
     ON CONFLICT (ns, minute, facet)
     DO UPDATE SET count = m.count + excluded.count, duration_ms = m.duration_ms + excluded.duration_ms`,
    [ns, JSON.stringify(ended)],
  );
  const latest = Math.max(...ended.map(({ minute }) => minute));
  await run(`DELETE FROM ${schema}.job_minute WHERE ns = $1::int AND minute < $2::float8`, [
    ns,
    latest - MAX_MINUTES * MINUTE_MS,
  ]);
}

/** Deletes jobs with everything that depends on them. */
export async function deleteRows(
  run: Run,
  schema: string,
  ns: number,
  jobs: readonly Stored[],
): Promise<void> {
  if (jobs.length === 0) return;
  const numbers = arrayOf(jobs.map(({ job }) => job));
  await run(`DELETE FROM ${schema}.job WHERE job = ANY($1::bigint[])`, [numbers]);
  await run(`DELETE FROM ${schema}.job_data WHERE job = ANY($1::bigint[])`, [numbers]);
  const terms = jobs.flatMap(({ job, row }) => [...termsOf(row)].map((term) => termRow(term, row, job)));
  if (terms.length === 0) return;
  await run(
    `DELETE FROM ${schema}.job_term t USING json_to_recordset($2::json) AS x(term text, created_at float8, id text)
     WHERE t.ns = $1::int AND t.term = x.term AND t.created_at = x.created_at AND t.id = x.id`,
    [ns, JSON.stringify(terms)],
  );
}
