import type { PageRequest, StoredJobFilter } from "../../../src/jobs/store/index.ts";
import type { Statements } from "./statements.ts";

/** A job that a scan has found. */
export interface Hit {
  readonly created_at: number;
  readonly id: string;
  readonly job: number;
}

/** An index in the order of creation, of which a part is walked along. */
export interface ScanSource {
  /** The table, or the tables with that of the jobs as `j`. `k` has the columns `created_at`, `id` and `job`. */
  readonly from: string;
  /** The condition on the first columns of the index. */
  readonly where: string;
  readonly values: readonly (string | number)[];
}

/** A further condition on each job of the source, which the index does not answer. */
export interface Residual {
  readonly where: string;
  readonly values: readonly (string | number)[];
}

/** One end of a range of places: before or after this job. */
interface Bound {
  readonly operator: "<" | "<=" | ">" | ">=";
  readonly createdAt: number;
  readonly id: string;
}

/** Jobs that are looked at in one statement: few at first, since most pages need no more. */
const FIRST_CHUNK = 250;
/** So many take some milliseconds. */
const LARGEST_CHUNK = 5_000;

/** Lets the event loop go on between two statements of a long walk. */
export type Pause = () => Promise<void>;

/** Walks along an index, from one end of a range to the other. */
export class Scan {
  readonly #statements: Statements;
  readonly #source: ScanSource;
  readonly #residual: Residual | undefined;
  readonly #order: PageRequest["order"];
  readonly #pause: Pause;
  readonly #end: Bound | undefined;
  /** The place after which the walk goes on. */
  #from: Bound | undefined;
  #isOver = false;
  #chunk = FIRST_CHUNK;

  constructor(
    statements: Statements,
    source: ScanSource,
    {
      residual,
      filter: { createdFrom, createdBefore },
      order,
      after,
      pause,
    }: {
      readonly residual: Residual | undefined;
      readonly filter: StoredJobFilter;
      readonly order: PageRequest["order"];
      readonly after?: PageRequest["after"];
      readonly pause: Pause;
    },
  ) {
    this.#statements = statements;
    this.#source = source;
    this.#residual = residual;
    this.#order = order;
    this.#pause = pause;
    // No id is empty, so that this place is before each job of its millisecond.
    const low: Bound | undefined =
      createdFrom === undefined ? undefined : { operator: ">=", createdAt: createdFrom, id: "" };
    const high: Bound | undefined =
      createdBefore === undefined ? undefined : { operator: "<", createdAt: createdBefore, id: "" };
    const isOldest = order === "oldest";
    this.#end = isOldest ? high : low;
    const start = isOldest ? low : high;
    const place: Bound | undefined = after && { ...after, operator: isOldest ? ">" : "<" };
    this.#from = innermost(start, place, isOldest);
  }

  /** The next jobs that meet all conditions, at most `limit`; fewer only at the end. */
  async next(limit: number): Promise<Hit[]> {
    const hits: Hit[] = [];
    while (hits.length < limit && !this.#isOver) {
      const boundary = this.#boundary();
      const range = this.#range(boundary);
      const missing = limit - hits.length;
      const found = this.#statements
        .of(`SELECT k.created_at, k.id, k.job FROM ${range.sql} ${this.#ordered()} LIMIT ?`)
        .all(...range.values, missing) as unknown as Hit[];
      hits.push(...found);
      const last = found.at(-1);
      if (found.length === missing && last !== undefined) this.#goOn(last);
      else if (boundary === undefined) this.#isOver = true;
      else this.#goOn(boundary);
      if (hits.length < limit && !this.#isOver) await this.#pause();
    }
    return hits;
  }

  /** The number of jobs from here on, counted up to `max`. */
  async count(max: number): Promise<number> {
    let total = 0;
    while (total < max && !this.#isOver) {
      const boundary = this.#boundary();
      const range = this.#range(boundary);
      const counted = this.#statements
        .of(`SELECT count(*) AS count FROM (SELECT 1 FROM ${range.sql} LIMIT ?)`)
        .get(...range.values, max - total)?.["count"];
      total += Number(counted);
      if (boundary === undefined) this.#isOver = true;
      else this.#goOn(boundary);
      if (total < max && !this.#isOver) await this.#pause();
    }
    return Math.min(total, max);
  }

  /** The job at the end of the next chunk; undefined if the range ends before. An index answers all of a simple scan. */
  #boundary(): Hit | undefined {
    if (this.#residual === undefined) return undefined;
    const { sql, values } = this.#range(undefined, false);
    const chunk = this.#chunk;
    this.#chunk = Math.min(LARGEST_CHUNK, 2 * chunk);
    return this.#statements
      .of(`SELECT k.created_at, k.id, k.job FROM ${sql} ${this.#ordered()} LIMIT 1 OFFSET ?`)
      .get(...values, chunk - 1) as Hit | undefined;
  }

  #range(
    boundary: Hit | undefined,
    withResidual = true,
  ): { readonly sql: string; readonly values: readonly (string | number)[] } {
    const { from, where, values } = this.#source;
    const isOldest = this.#order === "oldest";
    const end: Bound | undefined =
      boundary === undefined
        ? this.#end
        : { operator: isOldest ? "<=" : ">=", createdAt: boundary.created_at, id: boundary.id };
    const bounds = [this.#from, end].filter((bound) => bound !== undefined);
    const residual = withResidual ? this.#residual : undefined;
    const conditions = [
      where,
      ...bounds.map(({ operator }) => `(k.created_at, k.id) ${operator} (?, ?)`),
      ...(residual === undefined ? [] : [residual.where]),
    ];
    return {
      sql: `${from} WHERE ${conditions.join(" AND ")}`,
      values: [
        ...values,
        ...bounds.flatMap(({ createdAt, id }) => [createdAt, id]),
        ...(residual?.values ?? []),
      ],
    };
  }

  #ordered(): string {
    return this.#order === "oldest" ? "ORDER BY k.created_at, k.id" : "ORDER BY k.created_at DESC, k.id DESC";
  }

  #goOn({ created_at: createdAt, id }: Hit): void {
    this.#from = { operator: this.#order === "oldest" ? ">" : "<", createdAt, id };
  }
}

function innermost(start: Bound | undefined, place: Bound | undefined, isOldest: boolean): Bound | undefined {
  if (start === undefined || place === undefined) return start ?? place;
  const isPlaceBeyond = isOldest ? place.createdAt >= start.createdAt : place.createdAt < start.createdAt;
  return isPlaceBeyond ? place : start;
}

/** Orders hits as SQLite does: by the bytes of their ids within a millisecond. */
export function compareHits(one: Hit, other: Hit): number {
  if (one.created_at !== other.created_at) return one.created_at - other.created_at;
  return Buffer.compare(Buffer.from(one.id), Buffer.from(other.id));
}

/** The first jobs of several scans, in their common order. */
export async function merged(
  scans: readonly Scan[],
  order: PageRequest["order"],
  limit: number,
): Promise<Hit[]> {
  const [only] = scans;
  if (scans.length === 1 && only !== undefined) return only.next(limit);
  // Most pages have jobs of many scans: few of each are fetched at once.
  const size = Math.min(limit, Math.ceil((2 * limit) / scans.length) + 4);
  const lanes: { readonly scan: Scan; hits: Hit[]; at: number; isOver: boolean }[] = [];
  for (const scan of scans) lanes.push({ scan, hits: [], at: 0, isOver: false });
  const result: Hit[] = [];
  for (;;) {
    for (const lane of lanes) {
      if (lane.at < lane.hits.length || lane.isOver) continue;
      lane.hits = await lane.scan.next(size);
      lane.at = 0;
      lane.isOver = lane.hits.length < size;
    }
    let first: (typeof lanes)[number] | undefined;
    for (const lane of lanes) {
      const hit = lane.hits[lane.at];
      if (hit === undefined) continue;
      const best = first?.hits[first.at];
      const place = best === undefined ? -1 : compareHits(hit, best);
      if (order === "oldest" ? place < 0 : best === undefined || place > 0) first = lane;
    }
    const hit = first?.hits[first.at];
    if (first === undefined || hit === undefined) return result;
    first.at += 1;
    result.push(hit);
    if (result.length === limit) return result;
  }
}
