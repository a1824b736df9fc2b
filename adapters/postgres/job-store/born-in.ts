import { QueueError } from "../../../src/driver/index.ts";
import { type BirthAnswer, type BirthChange, transition } from "../../../src/jobs/store/index.ts";
import { encodeData } from "../../sql/job-store/data-codec.ts";
import { notRecorded } from "../../sql/job-store/not-recorded.ts";
import { encodeRest, termsOf, timesOf } from "../../sql/job-store/row-codec.ts";
import type { PostgresExecutor } from "../connection/executor.ts";
import { isPool } from "../connection/request-pool.ts";
import { driverError } from "../errors.ts";
import { nameKey } from "./batch.ts";
import type { Run } from "./facets.ts";
import { JOB_COLUMNS, type JobRows } from "./job-rows.ts";
import { arrayOf, stored as storedText } from "./text.ts";

interface Place {
  /** Runs statements on a connection of the store. */
  readonly own: Run;
  readonly jobs: JobRows;
  readonly ns: number;
  /** @default the time of the server */
  readonly now: number | undefined;
}

/**
 * Creates a job on the client of the application, inside of its transaction. It gets no number of a change, since the lock on
 * that would hold up all others until the commit: it gets one when it is taken to be sent.
 *
 * @throws QueueError `invalid_options` for a value that is no client of a transaction
 */
export async function bornIn(
  { own, jobs, ns, now }: Place,
  change: BirthChange,
  transaction: object,
): Promise<BirthAnswer> {
  const run = runOf(transaction);
  // Held until the commit. Other births of this id do not wait for it, and are made again.
  const [time] = await run(
    `SELECT pg_advisory_xact_lock(${nameKey("$1", "$2::text")}), floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
    [ns, storedText(change.id)],
  );
  const found = await run(`SELECT ${JOB_COLUMNS} FROM ${jobs.schema}.job k WHERE k.ns = $1 AND k.id = $2`, [
    ns,
    storedText(change.id),
  ]);
  const [before] = await jobs.decode(own, ns, found);
  const { row, answer, data } = transition(before?.row, change, now ?? Number(time?.["now"]));
  if (before !== undefined || row === undefined || data === undefined) return answer as BirthAnswer;
  let encoded: ReturnType<typeof encodeData>;
  try {
    encoded = encodeData(0, data, () => ({}));
  } catch (error) {
    throw notRecorded(row.id, error);
  }
  // Committed at once: a new facet that waited for the commit of the application would hold up others that need it.
  jobs.facets.committed(await jobs.facets.ensure(own, ns, [row]));
  const { dueAt } = timesOf(row);
  const columns = ["payload", "message"].map(
    (name) => encoded.values[encoded.columns.indexOf(name as "payload")] ?? null,
  );
  // One statement, so that no part is missing if the client turns out to have no transaction.
  await run(
    `WITH born AS (
       INSERT INTO ${jobs.schema}.job (ns, id, facet, created_at, due_at, parts, row)
       VALUES ($1, $2, $3, $4::float8, $5::float8, $6, $7) RETURNING job
     ), data AS (
       INSERT INTO ${jobs.schema}.job_data (job, payload, message) SELECT job, $8::text, $9::text FROM born
     )
     INSERT INTO ${jobs.schema}.job_term (ns, term, created_at, id, job)
     SELECT $1, term, $4::float8, $2, job FROM born CROSS JOIN unnest($10::text[]) AS term`,
    [
      ns,
      storedText(row.id),
      jobs.facets.numberOf(ns, row, new Map()),
      row.createdAt,
      dueAt,
      encoded.parts,
      encodeRest(row),
      ...columns,
      arrayOf([...termsOf(row)].map((term) => storedText(term))),
    ],
  );
  return answer as BirthAnswer;
}

/** Runs statements on the client of the application. */
function runOf(transaction: object): Run {
  const client = transaction as Partial<PostgresExecutor>;
  if (typeof client.query !== "function")
    throw refused("has no query(text, values); give the client of the transaction, or wrap it");
  if (isPool(transaction))
    throw refused(
      "is a pool, which runs each statement on another connection; give the client on which you have called BEGIN",
    );
  return async (text, values = []) => {
    try {
      return (await (transaction as PostgresExecutor).query(text, [...values])).rows;
    } catch (error) {
      throw driverError(error, "record a job inside of the transaction");
    }
  };
}

function refused(what: string): QueueError {
  return new QueueError("invalid_options", `send: the transaction ${what}.`);
}
