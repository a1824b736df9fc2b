import type { StatementSync } from "node:sqlite";
import type { JobRow } from "../../../src/jobs/store/index.ts";
import { type Facet, facetKey } from "../../sql/job-store/row-codec.ts";
import type { Statements } from "./statements.ts";

/** A facet with the number of its jobs. */
export interface CountedFacet extends Facet {
  readonly count: number;
}

/**
 * The facets of all jobs. They are never deleted, so that their numbers can be remembered. Their counts are written once a
 * transaction.
 */
export class Facets {
  readonly #byKey = new Map<string, number>();
  readonly #byNumber = new Map<number, Facet>();
  /** Jobs that this transaction adds to facets. */
  readonly #deltas = new Map<number, number>();
  /** Facets that this transaction has created. */
  #created: { readonly key: string; readonly facet: number }[] = [];
  readonly #find: StatementSync;
  readonly #create: StatementSync;
  readonly #read: StatementSync;
  readonly #list: StatementSync;
  readonly #count: StatementSync;

  constructor(statements: Statements) {
    const named = "ns = ? AND queue = ? AND type = ? AND priority = ? AND status = ?";
    this.#find = statements.of(`SELECT facet FROM queueport_facets WHERE ${named}`);
    this.#create = statements.of(
      "INSERT INTO queueport_facets (ns, queue, type, priority, status, count) VALUES (?, ?, ?, ?, ?, 0)",
    );
    this.#read = statements.of(
      "SELECT facet, ns, queue, type, priority, status FROM queueport_facets WHERE facet = ?",
    );
    this.#list = statements.of("SELECT * FROM queueport_facets WHERE ns = ?");
    this.#count = statements.of("UPDATE queueport_facets SET count = count + ? WHERE facet = ?");
  }

  /** The number of the facet of a row; it is created if there is none. Called within a transaction. */
  of(ns: number, row: JobRow): number {
    const { queue, type, priority, status } = row;
    const key = `${ns} ${facetKey(row)}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const found = this.#find.get(ns, queue, type, priority, status)?.["facet"];
    const facet =
      typeof found === "number"
        ? found
        : Number(this.#create.run(ns, queue, type, priority, status).lastInsertRowid);
    if (found === undefined) this.#created.push({ key, facet });
    this.#byKey.set(key, facet);
    this.#byNumber.set(facet, { facet, ns, queue, type, priority, status });
    return facet;
  }

  get(facet: number): Facet {
    const known = this.#byNumber.get(facet);
    if (known !== undefined) return known;
    const read = { ...this.#read.get(facet) } as unknown as Facet;
    this.#byNumber.set(facet, read);
    return read;
  }

  /** The facets of a namespace that have jobs. */
  list(ns: number): CountedFacet[] {
    const committed = this.#list.all(ns) as unknown as CountedFacet[];
    return committed
      .map((one) => ({ ...one, count: one.count + (this.#deltas.get(one.facet) ?? 0) }))
      .filter(({ count }) => count > 0);
  }

  /** Counts jobs that get or lose a facet. */
  add(facet: number, jobs: number): void {
    this.#deltas.set(facet, (this.#deltas.get(facet) ?? 0) + jobs);
  }

  /** Writes the counts, at the end of a transaction. */
  flush(): void {
    for (const [facet, delta] of this.#deltas) if (delta !== 0) this.#count.run(delta, facet);
    this.#deltas.clear();
  }

  committed(): void {
    this.#created = [];
  }

  /** Forgets what a transaction has done that was rolled back. */
  rolledBack(): void {
    for (const { key, facet } of this.#created) {
      this.#byKey.delete(key);
      this.#byNumber.delete(facet);
    }
    this.#created = [];
    this.#deltas.clear();
  }
}
