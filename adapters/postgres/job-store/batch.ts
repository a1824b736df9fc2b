import {
  countedAs,
  type DataChange,
  hintsOf,
  type JobAnswer,
  type JobChange,
  type JobData,
  type StoreHint,
  transition,
  withSaved,
} from "../../../src/jobs/store/index.ts";
import { encodeData, needsData, PART } from "../../sql/job-store/data-codec.ts";
import { notRecorded } from "../../sql/job-store/not-recorded.ts";
import { minuteOf } from "../../sql/job-store/reports.ts";
import { facetKey } from "../../sql/job-store/row-codec.ts";
import { type ChangedRow, countEnded, type EndedJobs, writeRows } from "./changed-rows.ts";
import type { Facet } from "../../sql/job-store/row-codec.ts";
import type { Run } from "./facets.ts";
import { JOB_COLUMNS, type JobRows, type Stored } from "./job-rows.ts";
import { arrayOf, restored, stored as storedText } from "./text.ts";

/** Hints that are given when their transaction is committed, with the numbers of the last change before and after it. */
export interface Hints {
  readonly from: number;
  readonly to: number;
  readonly hints: readonly { readonly hint: StoreHint; readonly id: string }[];
}

/** The outcome of a transaction. */
export interface BatchOutcome {
  readonly answers: JobAnswer[];
  /** Undefined if nothing that anybody sees has changed. */
  readonly hints: Hints | undefined;
  readonly facets: readonly Facet[];
}

/** A row that a transaction changes, before it is written. */
export interface RowChange {
  readonly before: Stored | undefined;
  readonly row: Stored["row"];
  readonly data?: DataChange | undefined;
}

/** Milliseconds that a statement waits for the lock of another transaction. */
const LOCK_MS = 1_000;

/**
 * Limits the statements of a transaction, so that none goes on after its caller has given it up.
 * @returns the time of the server, in epoch milliseconds
 */
export async function begun(run: Run, timeoutMs: number): Promise<number> {
  // Not now(), which is the time of the beginning of the transaction.
  const [row] = await run(
    `SELECT set_config('lock_timeout', '${LOCK_MS}', true), set_config('statement_timeout', $1, true),
       floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
    [String(Math.ceil(timeoutMs))],
  );
  return Number(row?.["now"]);
}

/**
 * Applies changes of different jobs in one transaction, by the rules of `transition`. A row that another transaction has
 * locked is not waited for: its change is answered `again`.
 */
export async function applyBatch(
  run: Run,
  jobs: JobRows,
  ns: number,
  changes: readonly JobChange[],
  now: number,
): Promise<BatchOutcome> {
  const { found, unavailable, visible } = await lockRows(run, jobs, ns, changes);
  const known = await jobs.data(
    run,
    changes.flatMap((change) => dataNeeded(change, found.get(change.id))),
    ["saved", "logs"],
  );
  const answers: JobAnswer[] = [];
  const rows: RowChange[] = [];
  for (const change of changes) {
    if (unavailable.has(change.id)) {
      answers.push(answerWithoutEffect(visible.get(change.id), change, now) ?? { do: "again" });
      continue;
    }
    const before = found.get(change.id);
    const { row, answer, data, needsSaved } = transition(before?.row, change, now);
    if (row !== undefined && (row !== before?.row || data !== undefined)) rows.push({ before, row, data });
    const { saved, steps } = (before && known.get(before.job)) ?? {};
    const hasSaved = needsSaved === true && answer.do === "run";
    answers.push(hasSaved ? withSaved(answer, { saved, steps }) : answer);
  }
  const { taken, ...written } = await writeChanges(run, jobs, ns, rows, now, known);
  for (const [index, { id }] of changes.entries()) if (taken.has(id)) answers[index] = { do: "again" };
  return { answers, ...written };
}

/** The answer of a change of a row that another transaction has locked, if the change has no effect. */
function answerWithoutEffect(
  before: Stored | undefined,
  change: JobChange,
  now: number,
): JobAnswer | undefined {
  if (before === undefined) return undefined;
  const { row, answer, data, needsSaved } = transition(before.row, change, now);
  return row === before.row && data === undefined && needsSaved !== true ? answer : undefined;
}

/**
 * Locks the rows of changes. Rows that are locked, and ids of which another transaction is about to create a row, are not
 * available. They are read as they are committed.
 */
async function lockRows(
  run: Run,
  jobs: JobRows,
  ns: number,
  changes: readonly JobChange[],
): Promise<{
  readonly found: ReadonlyMap<string, Stored>;
  readonly unavailable: ReadonlySet<string>;
  readonly visible: ReadonlyMap<string, Stored>;
}> {
  const { schema } = jobs;
  const unavailable = new Set<string>();
  const named = changes.filter((change) => takesName(change)).map(({ id }) => id);
  for (const id of await namesInUse(run, ns, named)) unavailable.add(id);
  const ids = changes.map(({ id }) => storedText(id));
  const rows = await run(
    `SELECT ${JOB_COLUMNS} FROM ${schema}.job k WHERE k.ns = $1 AND k.id = ANY($2::text[])
     ORDER BY k.id FOR UPDATE SKIP LOCKED`,
    [ns, arrayOf(ids)],
  );
  const found = new Map((await jobs.decode(run, ns, rows)).map((one) => [one.row.id, one]));
  const missing = changes
    .filter(({ id }) => !found.has(id) || unavailable.has(id))
    .map(({ id }) => storedText(id));
  const visible = new Map<string, Stored>();
  if (missing.length > 0) {
    const locked = await run(
      `SELECT ${JOB_COLUMNS} FROM ${schema}.job k WHERE k.ns = $1 AND k.id = ANY($2::text[])`,
      [ns, arrayOf(missing)],
    );
    for (const one of await jobs.decode(run, ns, locked)) {
      unavailable.add(one.row.id);
      visible.set(one.row.id, one);
    }
  }
  return { found, unavailable, visible };
}

/** Whether a change may create a row under a name that its sender has chosen. */
export function takesName({ kind }: JobChange): boolean {
  return kind === "birth" || kind === "cancel";
}

/**
 * Takes the names of jobs that their senders have chosen, until the end of the transaction. Without that, an insert would
 * wait for the end of an application's transaction that has created a job of the same name.
 *
 * @returns the names that another transaction has taken
 */
async function namesInUse(run: Run, ns: number, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await run(
    `SELECT x.id FROM unnest($1::text[]) x(id) WHERE NOT pg_try_advisory_xact_lock(${nameKey("$2", "x.id")})`,
    [arrayOf(ids.map((id) => storedText(id))), ns],
  );
  return rows.map(({ id }) => restored(String(id)));
}

/** The key of the lock on a name. */
export function nameKey(ns: string, id: string): string {
  return `hashtextextended('queueport ' || ${ns}::text || ' ' || ${id}, 0)`;
}

function dataNeeded(change: JobChange, before: Stored | undefined): Stored[] {
  if (before === undefined) return [];
  const hasSaved = (before.parts & (PART.saved | PART.steps)) !== 0;
  if (change.kind === "claim") return hasSaved ? [before] : [];
  if (change.kind !== "touch" && change.kind !== "end") return [];
  return needsData(before.parts, change) ? [before] : [];
}

/**
 * Writes rows that are locked, or new. A row of another version counts as a change.
 * @returns the ids of new rows of which another transaction has created one meanwhile; they are not written
 */
export async function writeChanges(
  run: Run,
  jobs: JobRows,
  ns: number,
  rows: readonly RowChange[],
  now: number,
  known: ReadonlyMap<number, JobData> = new Map(),
): Promise<Pick<BatchOutcome, "hints" | "facets"> & { readonly taken: ReadonlySet<string> }> {
  if (rows.length === 0) return { hints: undefined, facets: [], taken: new Set() };
  const encoded = rows.map(({ before, row, data }) => {
    try {
      if (!Number.isFinite(row.createdAt)) throw new TypeError("its time of creation is no finite number");
      return data && encodeData(before?.parts ?? 0, data, () => (before && known.get(before.job)) ?? {});
    } catch (error) {
      throw notRecorded(row.id, error);
    }
  });
  const facets = await jobs.facets.ensure(
    run,
    ns,
    rows.map(({ row }) => row),
  );
  const created = new Map(facets.map((facet) => [facetKey(facet), facet.facet]));
  // A row that nobody has seen gets a number, although it has not changed.
  const isChange = rows.map(
    ({ before, row }) => before?.seq === undefined || row.version !== before.row.version,
  );
  const count = isChange.filter(Boolean).length;
  const to = count === 0 ? 0 : await nextSeq(run, jobs.schema, ns, count);
  let seq = to - count;
  const changed = rows.map(({ before, row }, index): ChangedRow => ({
    before,
    row,
    facet: jobs.facets.numberOf(ns, row, created),
    seq: isChange[index] === true ? (seq += 1) : undefined,
    data: encoded[index],
  }));
  const taken = await writeRows(run, jobs.schema, ns, changed);
  const written = changed.filter(({ row, seq: own }) => own !== undefined && !taken.has(row.id));
  await countEnded(run, jobs.schema, ns, endedOf(written, now));
  const hints = written.flatMap(({ before, row }) =>
    hintsOf(before?.row, row).map((hint) => ({ hint, id: row.id })),
  );
  return { hints: count === 0 ? undefined : { from: to - count, to, hints }, facets, taken };
}

/**
 * The number of the last of some changes. From here on to the end of the transaction, no other one of the namespace makes a
 * change: so a reader that has seen a number has seen all before it.
 */
async function nextSeq(run: Run, schema: string, ns: number, count: number): Promise<number> {
  const [row] = await run(
    `UPDATE ${schema}.job_namespace SET seq = seq + $2::bigint WHERE ns = $1 RETURNING seq`,
    [ns, count],
  );
  return Number(row?.["seq"]);
}

function endedOf(written: readonly ChangedRow[], now: number): EndedJobs[] {
  const ended = new Map<number, EndedJobs>();
  const minute = minuteOf(now);
  for (const { before, row, facet } of written) {
    if (countedAs(before?.row, row) === undefined) continue;
    const one = ended.get(facet) ?? { minute, facet, count: 0, durationMs: 0 };
    one.count += 1;
    one.durationMs += row.durationMs ?? 0;
    ended.set(facet, one);
  }
  return [...ended.values()];
}
