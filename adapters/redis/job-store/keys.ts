import type { JobRow } from "../../../src/jobs/store/index.ts";

/** The version of the keys and values that this program reads and writes. */
export const SCHEMA_VERSION = 1;

/** The attributes that lists filter by, and by which jobs are counted. */
export type JobFacet = Pick<JobRow, "status" | "priority" | "queue" | "type">;

/** The hashes of the data of jobs, by id. The order is that of `DATA_PARTS`. */
export const DATA_PARTS = ["message", "result", "saved", "steps", "logs"] as const;
export type DataPart = (typeof DATA_PARTS)[number];

/**
 * The names of the keys of one namespace. All of them have the same hash tag, so that they are in one slot of a cluster, and
 * a script may use any of them together.
 *
 * - `info`: hash of the version, the fingerprint of the queues, and `seq`, the number of the last change
 * - `rows`: hash of the rows, by id
 * - `data.message` and others: hashes of the data, by id
 * - `changes`: sorted set of the ids by the number of their last change
 * - `facets`: set of the facets that any job had
 * - `workers`: hash of the workers, by id
 * - `facet:…`: sorted set of the ids of a facet by their creation
 * - `term:…`: sorted set of the ids with a tenant, tag, worker or error, by their creation
 * - `due:…`: sorted set of the ids of a queue whose message is to be sent, by that time
 * - `shelf:…`: sorted set of the ids of finished jobs, by their end
 * - `minute:…`: hash of the numbers of runs that ended in a minute
 */
export class NamespaceKeys {
  readonly info: string;
  readonly rows: string;
  readonly changes: string;
  readonly facets: string;
  readonly workers: string;
  readonly data: Readonly<Record<DataPart, string>>;
  /** The channel of hints. */
  readonly channel: string;
  readonly #base: string;

  constructor(prefix: string, namespace: string) {
    // A hash tag ends at the first brace.
    const tag = namespace.replaceAll(/[%{}]/g, (char) => encodeURIComponent(char));
    this.#base = `${prefix}:{jobs:${tag}}:`;
    this.info = this.#of("info");
    this.rows = this.#of("rows");
    this.changes = this.#of("changes");
    this.facets = this.#of("facets");
    this.workers = this.#of("workers");
    this.channel = this.#of("hints");
    this.data = {
      message: this.#of("data.message"),
      result: this.#of("data.result"),
      saved: this.#of("data.saved"),
      steps: this.#of("data.steps"),
      logs: this.#of("data.logs"),
    };
  }

  facet(facet: JobFacet): string {
    return this.#of(`facet:${facetText(facet)}`);
  }

  term(term: string): string {
    return this.#of(`term:${term}`);
  }

  /** Queued jobs have a key of their own, since none of theirs may be far ahead of the clock. */
  due(queue: string, isQueued: boolean): string {
    return this.#of(`due:${isQueued ? "queued" : "later"}:${queue}`);
  }

  shelf(shelf: number): string {
    return this.#of(`shelf:${shelf}`);
  }

  minute(minute: number): string {
    return this.#of(`minute:${minute}`);
  }

  #of(name: string): string {
    return this.#base + name;
  }
}

/** A facet as a member of the set of facets. */
export function facetText({ status, priority, queue, type }: JobFacet): string {
  return JSON.stringify([status, priority, queue, type]);
}

/** Reads a member of the set of facets. */
export function facetOf(text: string): JobFacet {
  const [status, priority, queue, type] = JSON.parse(text) as [
    JobRow["status"],
    JobRow["priority"],
    string,
    string,
  ];
  return { status, priority, queue, type };
}
