import type { StatementSync } from "node:sqlite";
import {
  changedData,
  type DataChange,
  type JobData,
  type JobPart,
  type StoredJobMessage,
} from "../../../src/jobs/store/index.ts";
import type { Statements } from "./statements.ts";

/** The columns of a job's data, each with its bit in `parts`. `row` is set once the job has a row of data. */
const PART = { row: 1, message: 2, result: 4, saved: 8, steps: 16, logs: 32 } as const;

const ALL_PARTS: readonly JobPart[] = ["message", "result", "saved", "logs"];

type Column = "payload" | "message" | "result" | "saved" | "steps" | "logs";
type DataRecord = { readonly [Name in Column]: string | null };

/** A change of a job's data, ready to be written: the columns that it sets. */
export interface EncodedData {
  readonly columns: readonly Column[];
  readonly values: readonly (string | null)[];
  /** The parts of the data after the change. */
  readonly parts: number;
}

/** The large parts of jobs: messages, results, checkpoints, steps and logs. */
export class JobDataTable {
  readonly #statements: Statements;
  readonly #read: StatementSync;
  readonly #remove: StatementSync;

  constructor(statements: Statements) {
    this.#statements = statements;
    this.#read = statements.of("SELECT * FROM queueport_job_data WHERE job = ?");
    this.#remove = statements.of("DELETE FROM queueport_job_data WHERE job = ?");
  }

  /** Encodes a change. Throws on a value that JSON cannot represent, before anything is written. */
  encode(job: number | undefined, parts: number, change: DataChange): EncodedData {
    const columns: Column[] = [];
    const values: (string | null)[] = [];
    let after = parts | PART.row;
    const set = (column: Exclude<Column, "payload">, value: unknown): void => {
      columns.push(column);
      values.push(value === undefined ? null : JSON.stringify(value));
      after = value === undefined ? after & ~PART[column] : after | PART[column];
    };
    const { message, result, saved, steps, logs } = change;
    if (message !== undefined) {
      const { payload, ...rest } = message;
      columns.push("payload");
      values.push(JSON.stringify(payload));
      set("message", rest);
    }
    // A job without a result has nothing to remove.
    if (result !== undefined && (result.value !== undefined || (parts & PART.result) !== 0))
      set("result", result.value);
    if (saved !== undefined) set("saved", saved.value);
    if (steps !== undefined || logs !== undefined) {
      const known = job === undefined || (parts & (PART.steps | PART.logs)) === 0 ? {} : this.read(job);
      const changed = changedData(known, { steps, logs });
      if (steps !== undefined) set("steps", changed.steps);
      if (logs !== undefined) set("logs", changed.logs);
    }
    return { columns, values, parts: after };
  }

  write(job: number, hasRow: boolean, { columns, values }: EncodedData): void {
    if (hasRow && columns.length === 0) return;
    if (hasRow) {
      const sets = columns.map((column) => `${column} = ?`).join(", ");
      this.#statements.of(`UPDATE queueport_job_data SET ${sets} WHERE job = ?`).run(...values, job);
      return;
    }
    const names = ["job", ...columns];
    const marks = names.map(() => "?").join(", ");
    this.#statements
      .of(`INSERT INTO queueport_job_data (${names.join(", ")}) VALUES (${marks})`)
      .run(job, ...values);
  }

  /** @param parts the parts that are read. @default all */
  read(job: number, parts: readonly JobPart[] = ALL_PARTS): JobData {
    const record = parts.length === 0 ? undefined : (this.#read.get(job) as DataRecord | undefined);
    if (record === undefined) return {};
    const { payload, message, result, saved, steps, logs } = record;
    const hasMessage = message !== null && payload !== null;
    return {
      ...(parts.includes("message") && hasMessage ? { message: messageOf(payload, message) } : {}),
      ...(parts.includes("result") ? { result: parsed(result) } : {}),
      ...(parts.includes("saved") ? { saved: parsed(saved), steps: parsed(steps) } : {}),
      ...(parts.includes("logs") ? { logs: parsed(logs) } : {}),
    };
  }

  remove(job: number): void {
    this.#remove.run(job);
  }

  static hasRow(parts: number): boolean {
    return (parts & PART.row) !== 0;
  }
}

function messageOf(payload: string, rest: string): StoredJobMessage {
  return { payload: JSON.parse(payload), ...(JSON.parse(rest) as Omit<StoredJobMessage, "payload">) };
}

function parsed(text: string | null): never | undefined {
  // The columns hold what encode has written.
  return text === null ? undefined : (JSON.parse(text) as never);
}
