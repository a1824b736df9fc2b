import type { ListPlace, PageRequest, StoredJobFilter, StoredPage } from "../../../src/jobs/store/index.ts";
import {
  hasFacetCondition,
  matchesFacet,
  MAX_EXAMINED,
  MAX_TOTAL,
  termsOfFilter,
} from "../../sql/job-store/filters.ts";
import type { Value } from "../connection/executor.ts";
import type { Run } from "./facets.ts";
import type { JobRows } from "./job-rows.ts";
import { arrayOf, restored, stored } from "./text.ts";

/** Entries of a term that are counted at most, to compare it with other ways. */
const MAX_COMPARED = 10_000;
/** Passes in which the jobs of one call are looked at, so that it ends early if the first ones are enough. */
const PASSES = 8;
/** Jobs of each index that are looked at in one pass at least. */
const MIN_SHARE = 50;

/** A job that was found. */
interface Hit extends ListPlace {
  readonly job: number;
}

/** Collects the parameters of a statement. */
class Parameters {
  readonly values: Value[] = [];

  add(value: Value): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** Adds the parameters of a condition, and returns its text. */
type Condition = (parameters: Parameters) => string;

/** The indexes that are walked along: of several facets, or one of a term or of all jobs. */
interface Way {
  /** The table of the index as `k`. */
  readonly table: string;
  /** The condition on its first columns. `lane` is the column of the facets of several indexes. */
  readonly where: (parameters: Parameters, lane?: string) => string;
  /** The facets, if there are several indexes. */
  readonly facets: readonly number[] | undefined;
  /** The conditions on each job that the index does not answer: on its entry `k`, or on its row `j`. */
  readonly residual: readonly Condition[];
}

/** One page of the jobs that meet a filter, in the order of their creation. */
export async function listJobs(
  run: Run,
  jobs: JobRows,
  ns: number,
  filter: StoredJobFilter,
  page: PageRequest,
  now: number,
): Promise<StoredPage> {
  const { limit, offset = 0, after, maxTotal = MAX_TOTAL } = page;
  const facets = (await jobs.facets.list(run, ns)).filter((facet) => matchesFacet(facet, filter));
  if (facets.length === 0) return { rows: [], total: 0, isTotalCapped: false, hasMore: false };
  const numbers = facets.map(({ facet }) => facet);
  const way = await wayOf(run, jobs.schema, ns, filter, numbers, now);
  const list = new Listing(run, jobs.schema, way, filter, page);
  const wanted = offset + limit + 1;
  const walk = list.from(after);
  const hits = await walk.next(wanted);
  const missing = maxTotal + 1 - hits.length;
  const counting = after === undefined ? walk : list.from(undefined);
  const counted = after === undefined ? hits.length : 0;
  const total = missing <= 0 ? maxTotal + 1 : counted + (await counting.count(maxTotal + 1 - counted));
  const isFull = hits.length === wanted;
  const place = isFull ? undefined : walk.stoppedAt;
  const stoppedAt = place && { ...place, toSkip: Math.max(0, offset - hits.length) };
  const found = hits.slice(offset, offset + limit).map(({ job }) => job);
  return {
    rows: (await jobs.byNumbers(run, ns, found)).map(({ row }) => row),
    total: Math.min(total, maxTotal),
    isTotalCapped: total > maxTotal || (missing > 0 && counting.stoppedAt !== undefined),
    hasMore: isFull || stoppedAt !== undefined,
    stoppedAt,
  };
}

/** The way through the indexes on which few jobs are looked at. */
async function wayOf(
  run: Run,
  schema: string,
  ns: number,
  filter: StoredJobFilter,
  facets: readonly number[],
  now: number,
): Promise<Way> {
  const terms = termsOfFilter(filter).map((term) => stored(term));
  const byFacets = hasFacetCondition(filter);
  const counted = await Promise.all(
    terms.map(async (term) => ({ term, count: await countOf(run, schema, ns, term) })),
  );
  const [rarest] = counted.toSorted((one, other) => one.count - other.count);
  const isFrequent = rarest !== undefined && rarest.count === MAX_COMPARED && byFacets;
  const first =
    isFrequent && (await countOfFacets(run, schema, facets)) < MAX_COMPARED ? undefined : rarest?.term;
  const inFacets: Condition = (parameters) => `j.facet = ANY(${parameters.add(arrayOf(facets))}::int[])`;
  const residual: Condition[] = [];
  if (first !== undefined && byFacets) residual.push(inFacets);
  if (filter.isStalled !== undefined)
    residual.push((parameters) => `(j.held_until IS NULL OR j.held_until <= ${parameters.add(now)}::float8)`);
  for (const term of terms)
    if (term !== first)
      residual.push(
        (parameters) =>
          `EXISTS (SELECT 1 FROM ${schema}.job_term t WHERE t.ns = ${parameters.add(ns)} AND t.term = ${parameters.add(term)} AND t.created_at = k.created_at AND t.id = k.id)`,
      );
  const { search } = filter;
  // A payload is JSON, in which no NUL stands as it is.
  if (search !== undefined)
    residual.push((parameters) =>
      search.includes("\u0000")
        ? "false"
        : `strpos(coalesce((SELECT payload FROM ${schema}.job_data d WHERE d.job = k.job), 'null'), ${parameters.add(search)}) > 0`,
    );
  if (first !== undefined)
    return {
      table: `${schema}.job_term k`,
      where: (parameters) => `k.ns = ${parameters.add(ns)} AND k.term = ${parameters.add(first)}`,
      facets: undefined,
      residual,
    };
  if (!byFacets)
    return {
      table: `${schema}.job k`,
      where: (parameters) => `k.ns = ${parameters.add(ns)}`,
      facets: undefined,
      residual,
    };
  return {
    table: `${schema}.job k`,
    where: (parameters, lane) =>
      lane === undefined ? `k.facet = ANY(${parameters.add(arrayOf(facets))}::int[])` : `k.facet = ${lane}`,
    facets,
    residual,
  };
}

async function countOf(run: Run, schema: string, ns: number, term: string): Promise<number> {
  const [row] = await run(
    `SELECT count(*) AS count FROM (SELECT 1 FROM ${schema}.job_term WHERE ns = $1 AND term = $2 LIMIT ${MAX_COMPARED}) AS c`,
    [ns, term],
  );
  return Number(row?.["count"]);
}

async function countOfFacets(run: Run, schema: string, facets: readonly number[]): Promise<number> {
  const [row] = await run(
    `SELECT count(*) AS count FROM (SELECT 1 FROM ${schema}.job WHERE facet = ANY($1::int[]) LIMIT ${MAX_COMPARED}) AS c`,
    [arrayOf(facets)],
  );
  return Number(row?.["count"]);
}

/** The walks along one way, from any place. */
class Listing {
  readonly run: Run;
  readonly schema: string;
  readonly way: Way;
  readonly filter: StoredJobFilter;
  readonly isOldest: boolean;
  readonly most: number;

  constructor(run: Run, schema: string, way: Way, filter: StoredJobFilter, page: PageRequest) {
    this.run = run;
    this.schema = schema;
    this.way = way;
    this.filter = filter;
    this.isOldest = page.order === "oldest";
    this.most = page.maxExamined ?? MAX_EXAMINED;
  }

  from(place: ListPlace | undefined): Walk {
    return new Walk(this, place);
  }

  ordered(alias = "k"): string {
    const direction = this.isOldest ? "" : " DESC";
    return `ORDER BY ${alias}.created_at${direction}, ${alias}.id${direction}`;
  }

  /** The conditions of a range of places, the one after `after` first. */
  range(parameters: Parameters, after: ListPlace | undefined, last?: ListPlace): string {
    const { createdFrom, createdBefore } = this.filter;
    const conditions: string[] = [];
    const bound = (operator: string, { createdAt, id }: ListPlace): void => {
      conditions.push(
        `(k.created_at, k.id) ${operator} (${parameters.add(createdAt)}::float8, ${parameters.add(stored(id))})`,
      );
    };
    if (createdFrom !== undefined) conditions.push(`k.created_at >= ${parameters.add(createdFrom)}::float8`);
    if (createdBefore !== undefined)
      conditions.push(`k.created_at < ${parameters.add(createdBefore)}::float8`);
    if (after !== undefined) bound(this.isOldest ? ">" : "<", after);
    if (last !== undefined) bound(this.isOldest ? "<=" : ">=", last);
    return conditions.map((condition) => ` AND ${condition}`).join("");
  }
}

/** Walks along the indexes of a way. Looks at a limited number of jobs if there are conditions that no index answers. */
class Walk {
  readonly #list: Listing;
  #after: ListPlace | undefined;
  #left: number;
  #isAtEnd = false;
  #found: Hit[] = [];

  constructor(list: Listing, after: ListPlace | undefined) {
    this.#list = list;
    this.#after = after;
    this.#left = list.most;
  }

  /** The last job that was looked at, if there may be others behind it; undefined at the end of all jobs. */
  get stoppedAt(): ListPlace | undefined {
    if (this.#isAtEnd || this.#list.way.residual.length === 0) return undefined;
    return this.#after;
  }

  /** The next jobs, at most `limit`. */
  async next(limit: number): Promise<Hit[]> {
    if (this.#list.way.residual.length === 0) {
      const hits = await this.#first(limit, 0);
      this.#after = hits.at(-1) ?? this.#after;
      this.#isAtEnd = hits.length < limit;
      return hits;
    }
    while (this.#found.length < limit && !this.#isAtEnd && this.#left > 0) await this.#pass();
    return this.#found.splice(0, limit);
  }

  /** The number of the next jobs, counted up to `max`. */
  async count(max: number): Promise<number> {
    if (this.#isAtEnd && this.#found.length === 0) return 0;
    const { run, way } = this.#list;
    if (way.residual.length > 0) return (await this.next(max)).length;
    const parameters = new Parameters();
    const where = way.where(parameters) + this.#list.range(parameters, this.#after);
    const most = parameters.add(max);
    const [row] = await run(
      `SELECT count(*) AS count FROM (SELECT 1 FROM ${way.table} WHERE ${where} LIMIT ${most}) AS c`,
      parameters.values,
    );
    return Number(row?.["count"]);
  }

  /** Jobs of the indexes in their common order, whatever the other conditions. At most so many are read of each index. */
  async #first(limit: number, skip: number): Promise<Hit[]> {
    const { run, way } = this.#list;
    const parameters = new Parameters();
    const columns = "k.created_at, k.id, k.job";
    const one = (lane?: string): string => {
      const where = way.where(parameters, lane) + this.#list.range(parameters, this.#after);
      const [most, from] = [parameters.add(limit), parameters.add(skip)];
      return `SELECT ${columns} FROM ${way.table} WHERE ${where} ${this.#list.ordered()} LIMIT ${most} OFFSET ${from}`;
    };
    let text: string;
    if (way.facets === undefined) text = one();
    else {
      const facets = parameters.add(arrayOf(way.facets));
      text = `SELECT * FROM unnest(${facets}::int[]) f CROSS JOIN LATERAL (${one("f")}) o ${this.#list.ordered("o")} LIMIT ${parameters.add(limit)}`;
    }
    return (await run(text, parameters.values)).map(({ created_at, id, job }) => ({
      createdAt: Number(created_at),
      id: restored(String(id)),
      job: Number(job),
    }));
  }

  /** Looks at the jobs up to the place at which the first of the indexes has given its share. */
  async #pass(): Promise<void> {
    const { run, schema, way, most } = this.#list;
    const lanes = way.facets?.length ?? 1;
    const size = Math.min(Math.max(MIN_SHARE, Math.ceil(most / PASSES / lanes)), this.#left);
    const [last] = await this.#first(1, size - 1);
    const parameters = new Parameters();
    const where = way.where(parameters) + this.#list.range(parameters, this.#after, last);
    const residual = way.residual.map((condition) => ` AND ${condition(parameters)}`).join("");
    const rows = await run(
      `SELECT k.created_at, k.id, k.job FROM ${way.table} JOIN ${schema}.job j ON j.job = k.job WHERE ${where}${residual} ${this.#list.ordered()}`,
      parameters.values,
    );
    for (const { created_at, id, job } of rows)
      this.#found.push({ createdAt: Number(created_at), id: restored(String(id)), job: Number(job) });
    this.#left -= size * lanes;
    this.#after = last ?? this.#after;
    this.#isAtEnd = last === undefined;
  }
}
