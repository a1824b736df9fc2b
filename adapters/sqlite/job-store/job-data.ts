import type { StatementSync } from "node:sqlite";
import type { DataChange, JobData, JobPart } from "../../../src/jobs/store/index.ts";
import { type DataRecord, decodeData, type EncodedData, encodeData } from "../../sql/job-store/data-codec.ts";
import type { Statements } from "./statements.ts";

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
    return encodeData(parts, change, () => (job === undefined ? {} : this.read(job)));
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
  read(job: number, parts?: readonly JobPart[]): JobData {
    if (parts?.length === 0) return {};
    return decodeData(this.#read.get(job) as DataRecord | undefined, parts);
  }

  remove(job: number): void {
    this.#remove.run(job);
  }
}
