import type { JobData, JobPart, JobRow } from "../../../src/jobs/store/index.ts";
import { type DataRecord, decodeData, hasDataRow } from "../../sql/job-store/data-codec.ts";
import { decodeRow, type JobRecord } from "../../sql/job-store/row-codec.ts";
import type { Row } from "../connection/executor.ts";
import type { Facets, Run } from "./facets.ts";
import { arrayOf, restored } from "./text.ts";

/** A row with what the database knows of it besides. */
export interface Stored {
  readonly job: number;
  readonly facet: number;
  /** Undefined if the job was born in the transaction of an application, and not yet seen. */
  readonly seq: number | undefined;
  readonly parts: number;
  readonly row: JobRow;
}

export const JOB_COLUMNS = "k.job, k.id, k.facet, k.created_at, k.seq, k.finished_at, k.parts, k.row";

/** Reads rows of jobs and their data. */
export class JobRows {
  readonly schema: string;
  readonly facets: Facets;

  constructor(schema: string, facets: Facets) {
    this.schema = schema;
    this.facets = facets;
  }

  /** Decodes rows that were read with {@link JOB_COLUMNS}. */
  async decode(run: Run, ns: number, rows: readonly Row[]): Promise<Stored[]> {
    await this.facets.know(
      run,
      ns,
      rows.map(({ facet }) => Number(facet)),
    );
    return rows.map((row) => {
      const record: JobRecord = {
        job: Number(row["job"]),
        id: restored(String(row["id"])),
        facet: Number(row["facet"]),
        created_at: Number(row["created_at"]),
        seq: Number(row["seq"]),
        finished_at: row["finished_at"] === null ? null : Number(row["finished_at"]),
        parts: Number(row["parts"]),
        row: String(row["row"]),
      };
      return {
        job: record.job,
        facet: record.facet,
        seq: row["seq"] === null ? undefined : record.seq,
        parts: record.parts,
        row: decodeRow(record, this.facets.get(record.facet)),
      };
    });
  }

  /** Reads rows by their numbers, in that order. A job that was deleted since is left out. */
  async byNumbers(run: Run, ns: number, numbers: readonly number[]): Promise<Stored[]> {
    if (numbers.length === 0) return [];
    const rows = await run(
      `SELECT ${JOB_COLUMNS} FROM ${this.schema}.job k WHERE k.job = ANY($1::bigint[])`,
      [arrayOf(numbers)],
    );
    const byNumber = new Map((await this.decode(run, ns, rows)).map((one) => [one.job, one]));
    return numbers.flatMap((job) => byNumber.get(job) ?? []);
  }

  /** Reads the data of jobs that have some. */
  async data(
    run: Run,
    jobs: readonly Pick<Stored, "job" | "parts">[],
    parts?: readonly JobPart[],
  ): Promise<ReadonlyMap<number, JobData>> {
    const numbers = jobs.filter((one) => hasDataRow(one.parts)).map(({ job }) => job);
    if (numbers.length === 0 || parts?.length === 0) return new Map();
    const rows = await run(`SELECT * FROM ${this.schema}.job_data WHERE job = ANY($1::bigint[])`, [
      arrayOf(numbers),
    ]);
    return new Map(rows.map((row) => [Number(row["job"]), decodeData(row as unknown as DataRecord, parts)]));
  }
}
