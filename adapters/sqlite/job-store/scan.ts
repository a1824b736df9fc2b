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
  /** The table as `k`, which has the columns `created_at`, `id` and `job`. */
  readonly from: string;
  /** The condition on the first columns of the index. */
  readonly where: string;
  readonly values: readonly (string | number)[];
}

/** A condition on each job that an index does not answer: on its entry `k`, or on its row `j`. */
export interface Residual {
  readonly where: string;
  readonly needsRow: boolean;
  readonly values: readonly (string | number)[];
}

/** Some jobs, one after the other in their order, that were looked at. */
export interface Examined {
  /** The jobs that meet the condition. */
  readonly hits: readonly Hit[];
  readonly count: number;
  /** The last one, whether it meets the condition or not; undefined if there are no others behind. */
  readonly last: Hit | undefined;
}

/** One end of a range of places: before or after this job. */
interface Bound {
  readonly operator: "<" | "<=" | ">" | ">=";
  readonly createdAt: number;
  readonly id: string;
}

/** Index entries that are counted in one statement. So many take some milliseconds. */
const COUNTED = 50_000;

/** Jobs of each index that are looked at in one pass over many indexes, so that the passes are not too many. */
const MIN_SHARE = 4;

/** Lets the event loop go on between two statements of a long walk. */
export type Pause = () => Promise<void>;

/** Walks along an index, from one end of a range to the other. */
export class Scan {
  readonly #statements: Statements;
  readonly #source: ScanSource;
  readonly #order: PageRequest["order"];
  readonly #end: Bound | undefined;
  /** The place after which the walk goes on. */
  #from: Bound | undefined;

  constructor(
    statements: Statements,
    source: ScanSource,
    {
      filter: { createdFrom, createdBefore },
      order,
      after,
    }: {
      readonly filter: StoredJobFilter;
      readonly order: PageRequest["order"];
      readonly after?: PageRequest["after"];
    },
  ) {
    this.#statements = statements;
    this.#source = source;
    this.#order = order;
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

  /** The next jobs, at most `limit`; fewer only at the end. */
  next(limit: number): Hit[] {
    const { from, where, values } = this.#range();
    const hits = this.#statements
      .of(`SELECT k.created_at, k.id, k.job FROM ${from} WHERE ${where} ${this.#ordered()} LIMIT ?`)
      .all(...values, limit) as unknown as Hit[];
    this.#goOn(hits.at(-1));
    return hits;
  }

  /** Looks at the jobs up to `last`, or all up to the end, and goes on after it. */
  examine(
    last: Hit | undefined,
    residual: Residual,
  ): { readonly hits: readonly Hit[]; readonly count: number } {
    const end: Bound | undefined = last && {
      operator: this.#order === "oldest" ? "<=" : ">=",
      createdAt: last.created_at,
      id: last.id,
    };
    const { from, where, values } = this.#range(end);
    const rows = residual.needsRow ? " CROSS JOIN queueport_jobs j ON j.job = k.job" : "";
    const hits = this.#statements
      .of(
        `SELECT k.created_at, k.id, k.job FROM ${from}${rows} WHERE ${where} AND ${residual.where} ${this.#ordered()}`,
      )
      .all(...values, ...residual.values) as unknown as Hit[];
    const counted = this.#statements
      .of(`SELECT count(*) AS count FROM ${from} WHERE ${where}`)
      .get(...values);
    this.#goOn(last);
    return { hits, count: Number(counted?.["count"]) };
  }

  /** The number of jobs from here on, counted up to `max`. */
  async count(max: number, pause: Pause): Promise<number> {
    let total = 0;
    while (total < max) {
      const size = Math.min(COUNTED, max - total);
      const last = this.atEndOf(size);
      if (last === undefined) {
        const { from, where, values } = this.#range();
        const counted = this.#statements
          .of(`SELECT count(*) AS count FROM (SELECT 1 FROM ${from} WHERE ${where} LIMIT ?)`)
          .get(...values, size);
        return total + Number(counted?.["count"]);
      }
      total += size;
      this.#goOn(last);
      await pause();
    }
    return total;
  }

  /** The last of the next `size` jobs; undefined if there are fewer. */
  atEndOf(size: number): Hit | undefined {
    const { from, where, values } = this.#range();
    return this.#statements
      .of(`SELECT k.created_at, k.id, k.job FROM ${from} WHERE ${where} ${this.#ordered()} LIMIT 1 OFFSET ?`)
      .get(...values, size - 1) as Hit | undefined;
  }

  /** @param end another end than that of the filter */
  #range(end: Bound | undefined = this.#end): ScanSource {
    const { from, where, values } = this.#source;
    const bounds = [this.#from, end].filter((bound) => bound !== undefined);
    const conditions = [where, ...bounds.map(({ operator }) => `(k.created_at, k.id) ${operator} (?, ?)`)];
    return {
      from,
      where: conditions.join(" AND "),
      values: [...values, ...bounds.flatMap(({ createdAt, id }) => [createdAt, id])],
    };
  }

  #ordered(): string {
    return this.#order === "oldest" ? "ORDER BY k.created_at, k.id" : "ORDER BY k.created_at DESC, k.id DESC";
  }

  #goOn(last: Hit | undefined): void {
    if (last === undefined) return;
    this.#from = {
      operator: this.#order === "oldest" ? ">" : "<",
      createdAt: last.created_at,
      id: last.id,
    };
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

interface Lane {
  readonly scan: Scan;
  hits: readonly Hit[];
  at: number;
  isOver: boolean;
}

/** Walks along several indexes at once, in their common order. */
export class MergedScan {
  readonly #lanes: readonly Lane[];
  readonly #isBefore: (one: Hit, other: Hit) => boolean;

  constructor(scans: readonly Scan[], order: PageRequest["order"]) {
    this.#lanes = scans.map((scan) => ({ scan, hits: [], at: 0, isOver: false }));
    this.#isBefore =
      order === "oldest"
        ? (one, other) => compareHits(one, other) < 0
        : (one, other) => compareHits(one, other) > 0;
  }

  /** The next jobs, at most `limit`; fewer only at the end. */
  next(limit: number): Hit[] {
    const [only] = this.#lanes;
    if (this.#lanes.length === 1 && only !== undefined) return only.scan.next(limit);
    // Most pages have jobs of many scans: few of each are fetched at once.
    const size = Math.min(limit, Math.ceil((2 * limit) / this.#lanes.length) + 4);
    const result: Hit[] = [];
    while (result.length < limit) {
      let first: Lane | undefined;
      for (const lane of this.#lanes) {
        fill(lane, size);
        const hit = lane.hits[lane.at];
        if (hit === undefined) continue;
        const best = first?.hits[first.at];
        if (best === undefined || this.#isBefore(hit, best)) first = lane;
      }
      const hit = first?.hits[first.at];
      if (first === undefined || hit === undefined) break;
      first.at += 1;
      result.push(hit);
    }
    return result;
  }

  /** Looks at some of the next jobs: about `limit`, or a few of each index if there are many. */
  examine(limit: number, residual: Residual): Examined {
    const share = Math.max(MIN_SHARE, Math.ceil(limit / this.#lanes.length));
    let last: Hit | undefined;
    for (const { scan } of this.#lanes) {
      const end = scan.atEndOf(share);
      if (end !== undefined && (last === undefined || this.#isBefore(end, last))) last = end;
    }
    const examined = this.#lanes.map(({ scan }) => scan.examine(last, residual));
    const hits = examined.flatMap((one) => one.hits);
    if (examined.length > 1) hits.sort((one, other) => (this.#isBefore(one, other) ? -1 : 1));
    return { hits, count: examined.reduce((sum, { count }) => sum + count, 0), last };
  }
}

function fill(lane: Lane, size: number): void {
  if (lane.at < lane.hits.length || lane.isOver) return;
  lane.hits = lane.scan.next(size);
  lane.at = 0;
  lane.isOver = lane.hits.length < size;
}
