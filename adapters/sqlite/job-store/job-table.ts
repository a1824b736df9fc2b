import type { StatementSync } from "node:sqlite";
import {
  type DataChange,
  isFinal,
  type JobData,
  type JobRow,
  type JobPart,
} from "../../../src/jobs/store/index.ts";
import { Facets } from "./facets.ts";
import { type EncodedData, hasDataRow } from "../../sql/job-store/data-codec.ts";
import { JobDataTable } from "./job-data.ts";
import {
  decodeRow,
  encodeRest,
  haveSameTerms,
  type JobRecord,
  shelfOf,
  termsOf,
  timesOf,
} from "../../sql/job-store/row-codec.ts";
import { READ } from "./read-statements.ts";
import type { Statements } from "./statements.ts";

/** Rows that are remembered at most. A row is about 1 KB. */
const MAX_REMEMBERED = 10_000;

/** The columns that are set only if they have changed, each with its bit. */
const OWN_COLUMNS = ["seq", "facet", "due_at", "held_until", "finished_at", "shelf", "created_at"] as const;

/** A row with what the file knows of it besides. */
export interface Stored {
  readonly job: number;
  readonly ns: number;
  readonly facet: number;
  readonly seq: number;
  readonly parts: number;
  readonly row: JobRow;
}

/**
 * The rows of jobs with everything that depends on them: data, terms and the counts of facets. All methods that write are
 * called within a transaction.
 */
export class JobTable {
  readonly facets: Facets;
  readonly data: JobDataTable;
  readonly #statements: Statements;
  readonly #updates = new Map<number, StatementSync>();
  /** The rows that this process wrote last. Valid while no other process writes; see {@link forget}. */
  readonly #known = new Map<string, Stored>();

  constructor(statements: Statements) {
    this.#statements = statements;
    this.facets = new Facets(statements);
    this.data = new JobDataTable(statements);
  }

  /** The row of a job, within a transaction. */
  find(ns: number, id: string): Stored | undefined {
    return this.#known.get(keyOf(ns, id)) ?? this.read(ns, id);
  }

  /** The row of a job, as it is in the file. */
  read(ns: number, id: string): Stored | undefined {
    const record = this.#statements.of(READ.byId).get(ns, id) as JobRecord | undefined;
    return record === undefined ? undefined : this.decode(record);
  }

  byNumber(job: number): Stored | undefined {
    const record = this.#statements.of(READ.byNumber).get(job) as JobRecord | undefined;
    return record === undefined ? undefined : this.decode(record);
  }

  decode(record: JobRecord): Stored {
    const facet = this.facets.get(record.facet);
    const { job, seq, parts } = record;
    return { job, ns: facet.ns, facet: facet.facet, seq, parts, row: decodeRow(record, facet) };
  }

  /** @param wanted the parts that are read. @default all */
  dataOf({ job, parts }: Stored, wanted?: readonly JobPart[]): JobData {
    return hasDataRow(parts) ? this.data.read(job, wanted) : {};
  }

  /**
   * Writes a row, and a change of its data.
   * @throws TypeError when a value cannot be written. Nothing is written then
   */
  write(ns: number, before: Stored | undefined, row: JobRow, seq: number, change?: DataChange): Stored {
    if (!Number.isFinite(row.createdAt))
      throw new TypeError(`the time of creation of the job ${row.id} is no finite number`);
    const parts = before?.parts ?? 0;
    const data = change === undefined ? undefined : this.data.encode(before?.job, parts, change);
    const rest = encodeRest(row);
    const stored =
      before === undefined
        ? this.#insert(ns, row, rest, seq, data?.parts ?? parts)
        : this.#update(before, row, rest, seq, data?.parts ?? parts);
    if (data !== undefined) this.data.write(stored.job, hasDataRow(parts), data satisfies EncodedData);
    this.#remember(stored);
    return stored;
  }

  remove({ job, ns, facet, parts, row }: Stored): void {
    this.#statements.of("DELETE FROM queueport_jobs WHERE job = ?").run(job);
    if (hasDataRow(parts)) this.data.remove(job);
    this.#removeTerms(ns, row, termsOf(row));
    this.facets.add(facet, -1);
    this.#known.delete(keyOf(ns, row.id));
  }

  /** Removes the data of a job. It is no change of the job, and is not reported. */
  strip(stored: Stored): void {
    this.data.remove(stored.job);
    const row = { ...stored.row, hasMessage: false, hasSaved: false };
    this.#remember(this.#update({ ...stored }, row, encodeRest(row), stored.seq, 0));
  }

  /** Forgets all rows: another process may have changed them, or a transaction was rolled back. */
  forget(): void {
    this.#known.clear();
  }

  #insert(ns: number, row: JobRow, rest: string, seq: number, parts: number): Stored {
    const facet = this.facets.of(ns, row);
    const { dueAt, heldUntil, finishedAt } = timesOf(row);
    const { lastInsertRowid } = this.#statements
      .of(
        "INSERT INTO queueport_jobs (ns, id, facet, created_at, seq, due_at, held_until, finished_at, shelf, parts, row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        ns,
        row.id,
        facet,
        row.createdAt,
        seq,
        dueAt,
        heldUntil,
        finishedAt,
        shelfOf(row, parts),
        parts,
        rest,
      );
    const job = Number(lastInsertRowid);
    this.facets.add(facet, 1);
    this.#addTerms(ns, row, job, termsOf(row));
    return { job, ns, facet, seq, parts, row };
  }

  /**
   * SQLite writes every index of which a column is set, whether its value has changed or not. So only the columns are set
   * that have changed.
   */
  #update(before: Stored, row: JobRow, rest: string, seq: number, parts: number): Stored {
    const { job, ns } = before;
    const facet = this.facets.of(ns, row);
    const [was, is] = [timesOf(before.row), timesOf(row)];
    const [wasOn, isOn] = [shelfOf(before.row, before.parts), shelfOf(row, parts)];
    const values: (string | number | null)[] = [rest, parts];
    let changed = 0;
    const set = (column: number, value: number | null): void => {
      changed |= 1 << column;
      values.push(value);
    };
    // In the order of OWN_COLUMNS.
    if (seq !== before.seq) set(0, seq);
    if (facet !== before.facet) set(1, facet);
    if (is.dueAt !== was.dueAt) set(2, is.dueAt);
    if (is.heldUntil !== was.heldUntil) set(3, is.heldUntil);
    if (is.finishedAt !== was.finishedAt) set(4, is.finishedAt);
    if (isOn !== wasOn) set(5, isOn);
    if (row.createdAt !== before.row.createdAt) set(6, row.createdAt);
    this.#updateOf(changed).run(...values, job);
    if (facet !== before.facet) {
      this.facets.add(before.facet, -1);
      this.facets.add(facet, 1);
    }
    this.#updateTerms(before, row);
    return { job, ns, facet, seq, parts, row };
  }

  /** The statement that sets the columns of these bits. */
  #updateOf(changed: number): StatementSync {
    let statement = this.#updates.get(changed);
    if (statement === undefined) {
      const columns = ["row", "parts", ...OWN_COLUMNS.filter((_, index) => (changed & (1 << index)) !== 0)];
      const sets = columns.map((column) => `${column} = ?`).join(", ");
      statement = this.#statements.of(`UPDATE queueport_jobs SET ${sets} WHERE job = ?`);
      this.#updates.set(changed, statement);
    }
    return statement;
  }

  #updateTerms({ job, ns, row: before }: Stored, row: JobRow): void {
    const isMoved = row.createdAt !== before.createdAt;
    if (!isMoved && haveSameTerms(before, row)) return;
    const [was, is] = [termsOf(before), termsOf(row)];
    this.#removeTerms(ns, before, isMoved ? was : without(was, is));
    this.#addTerms(ns, row, job, isMoved ? is : without(is, was));
  }

  #addTerms(ns: number, { createdAt, id }: JobRow, job: number, terms: ReadonlySet<string>): void {
    if (terms.size === 0) return;
    const insert = this.#statements.of("INSERT INTO queueport_terms VALUES (?, ?, ?, ?, ?)");
    for (const term of terms) insert.run(ns, term, createdAt, id, job);
  }

  #removeTerms(ns: number, { createdAt, id }: JobRow, terms: ReadonlySet<string>): void {
    if (terms.size === 0) return;
    const remove = this.#statements.of(
      "DELETE FROM queueport_terms WHERE ns = ? AND term = ? AND created_at = ? AND id = ?",
    );
    for (const term of terms) remove.run(ns, term, createdAt, id);
  }

  #remember(stored: Stored): void {
    const key = keyOf(stored.ns, stored.row.id);
    this.#known.delete(key);
    // A job that is over is hardly asked for again by a change.
    if (isFinal(stored.row.status)) return;
    const { row } = stored;
    // The list of tags may be the sender's, who may change it.
    this.#known.set(
      key,
      row.tags.length === 0 ? stored : { ...stored, row: { ...row, tags: [...row.tags] } },
    );
    if (this.#known.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

function without(terms: ReadonlySet<string>, others: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...terms].filter((term) => !others.has(term)));
}

function keyOf(ns: number, id: string): string {
  return `${ns} ${id}`;
}
