import type { JobRow } from "../../../src/jobs/store/index.ts";
import { type Facet, facetKey } from "../../sql/job-store/row-codec.ts";
import type { Row, Value } from "../connection/executor.ts";
import { restored, stored } from "./text.ts";

/** Runs a statement, within a transaction or outside of one. */
export type Run = <R extends Row = Row>(text: string, values?: readonly Value[]) => Promise<R[]>;

/** The facets of all jobs. They are never deleted, so that their numbers can be remembered once they are committed. */
export class Facets {
  readonly #schema: string;
  readonly #byNumber = new Map<number, Facet>();
  readonly #byKey = new Map<string, number>();

  constructor(schema: string) {
    this.#schema = schema;
  }

  /** All facets of a namespace, those that other processes have created as well. */
  async list(run: Run, ns: number): Promise<Facet[]> {
    const rows = await run(
      `SELECT facet, ns, queue, type, priority, status FROM ${this.#schema}.job_facet WHERE ns = $1 ORDER BY facet`,
      [ns],
    );
    return rows.map((row) => facetOf(row));
  }

  /** Reads the facets of these numbers, unless they are known. */
  async know(run: Run, ns: number, numbers: readonly number[]): Promise<void> {
    if (numbers.some((facet) => !this.#byNumber.has(facet))) this.committed(await this.list(run, ns));
  }

  /** A facet that is known. */
  get(facet: number): Facet {
    return this.#byNumber.get(facet) as Facet;
  }

  /**
   * The numbers of the facets of rows. The facets that do not exist are created in the order of their names, so that two
   * transactions do not wait for each other.
   *
   * @returns the facets that were not known; to be passed to {@link committed}
   */
  async ensure(run: Run, ns: number, rows: readonly JobRow[]): Promise<readonly Facet[]> {
    const missing = new Map<string, JobRow>();
    for (const row of rows) {
      const key = facetKey(row);
      if (!this.#byKey.has(`${ns} ${key}`)) missing.set(key, row);
    }
    if (missing.size === 0) return [];
    const wanted = [...missing.keys()]
      .toSorted()
      .map((key) => missing.get(key) as JobRow)
      .map(({ queue, type, priority, status }) => ({
        queue: stored(queue),
        type: stored(type),
        priority,
        status,
      }));
    await run(
      `INSERT INTO ${this.#schema}.job_facet (ns, queue, type, priority, status)
       SELECT $1::int, queue, type, priority, status FROM json_to_recordset($2::json)
         AS x(queue text, type text, priority text, status text)
       ON CONFLICT DO NOTHING`,
      [ns, JSON.stringify(wanted)],
    );
    return this.list(run, ns);
  }

  /** The number of the facet of a row: one that is known, or one of those that were just created. */
  numberOf(ns: number, row: JobRow, created: ReadonlyMap<string, number>): number {
    const key = facetKey(row);
    return this.#byKey.get(`${ns} ${key}`) ?? (created.get(key) as number);
  }

  /** Remembers facets whose transaction is committed. */
  committed(facets: readonly Facet[]): void {
    for (const facet of facets) {
      this.#byNumber.set(facet.facet, facet);
      this.#byKey.set(`${facet.ns} ${facetKey(facet)}`, facet.facet);
    }
  }
}

function facetOf({ facet, ns, queue, type, priority, status }: Row): Facet {
  return {
    facet: Number(facet),
    ns: Number(ns),
    queue: restored(String(queue)),
    type: restored(String(type)),
    priority: priority as Facet["priority"],
    status: status as Facet["status"],
  };
}
