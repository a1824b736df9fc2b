import type {
  JobRow,
  ListPlace,
  PageRequest,
  StoredJobFilter,
  StoredPage,
} from "../../../src/jobs/store/index.ts";
import type { CountedFacet } from "./facets.ts";
import type { JobTable } from "./job-table.ts";
import {
  hasFacetCondition,
  matchesFacet,
  MAX_EXAMINED,
  MAX_TOTAL,
  termsOfFilter,
} from "../../sql/job-store/filters.ts";
import { type Hit, MergedScan, type Pause, type Residual, Scan, type ScanSource } from "./scan.ts";
import { Search } from "./search.ts";
import type { Statements } from "./statements.ts";

/** Facets whose indexes are merged at most. Beyond that, the jobs of all facets are walked along. */
const MAX_MERGED = 500;
/** The same where each job has to be looked at, so that many are merged. */
const MAX_MERGED_SEARCH = 50;
/** Jobs of a term that are counted at most, to compare it with other ways. So many take some milliseconds. */
const MAX_COMPARED = 100_000;

/** One page of the jobs that meet a filter, in the order of their creation. */
export async function listJobs(
  statements: Statements,
  jobs: JobTable,
  ns: number,
  filter: StoredJobFilter,
  page: PageRequest,
  now: number,
  pause: Pause,
): Promise<StoredPage> {
  const { limit, order, offset = 0, after, maxTotal = MAX_TOTAL, maxExamined = MAX_EXAMINED } = page;
  const facets = jobs.facets.list(ns).filter((facet) => matchesFacet(facet, filter));
  if (facets.length === 0) return { rows: [], total: 0, isTotalCapped: false, hasMore: false };
  const { sources, residual, count } = wayOf(statements, ns, filter, facets, now);
  const scansFrom = (place: ListPlace | undefined): Scan[] =>
    sources.map((source) => new Scan(statements, source, { filter, order, after: place }));
  const searchFrom = (place: ListPlace | undefined, condition: Residual): Search =>
    new Search(new MergedScan(scansFrom(place), order), condition, { pause, most: maxExamined });
  const pageOf = (hits: readonly Hit[]): Pick<StoredPage, "rows" | "hasMore"> => ({
    rows: rowsOf(jobs, hits.slice(offset, offset + limit)),
    hasMore: hits.length > offset + limit,
  });

  if (residual === undefined) {
    const hits = new MergedScan(scansFrom(after), order).next(offset + limit + 1);
    const total = count ?? (await countUpTo(scansFrom(undefined), maxTotal + 1, pause));
    return { ...pageOf(hits), total: Math.min(total, maxTotal), isTotalCapped: total > maxTotal };
  }
  const search = searchFrom(after, residual);
  const hits = await search.next(offset + limit + 1);
  const found = pageOf(hits);
  const last = found.hasMore ? undefined : search.stoppedAt;
  const stoppedAt = last && { ...last, toSkip: Math.max(0, offset - hits.length) };
  // The jobs of this page are counted already, unless the page begins behind others.
  const missing = maxTotal + 1 - hits.length;
  const counting = after === undefined ? search : searchFrom(undefined, residual);
  const counted = after === undefined ? hits.length : 0;
  const total = missing <= 0 ? maxTotal + 1 : counted + (await counting.next(maxTotal + 1 - counted)).length;
  return {
    ...found,
    total: Math.min(total, maxTotal),
    isTotalCapped: total > maxTotal || (missing > 0 && counting.stoppedAt !== undefined),
    hasMore: found.hasMore || stoppedAt !== undefined,
    stoppedAt,
  };
}

async function countUpTo(scans: readonly Scan[], max: number, pause: Pause): Promise<number> {
  let counted = 0;
  for (const scan of scans) {
    if (counted >= max) break;
    counted += await scan.count(max - counted, pause);
  }
  return counted;
}

/** Rows of jobs that were found. A job that was deleted since is left out. */
function rowsOf(jobs: JobTable, hits: readonly Hit[]): JobRow[] {
  return hits.flatMap(({ job }) => jobs.byNumber(job)?.row ?? []);
}

interface Way {
  readonly sources: readonly ScanSource[];
  readonly residual: Residual | undefined;
  /** The number of jobs, if it is known without a look at them. */
  readonly count: number | undefined;
}

/** The way through the indexes on which the fewest jobs are looked at. */
function wayOf(
  statements: Statements,
  ns: number,
  filter: StoredJobFilter,
  facets: readonly CountedFacet[],
  now: number,
): Way {
  const terms = termsOfFilter(filter);
  const inFacets = facets.reduce((sum, facet) => sum + facet.count, 0);
  // The only condition needs no comparison.
  const isAlone = terms.length === 1 && !hasFacetCondition(filter);
  const [rarest] = terms
    .map((term) => ({
      term,
      count: isAlone ? 0 : countOf(statements, ns, term, Math.min(inFacets, MAX_COMPARED)),
    }))
    .toSorted((one, other) => one.count - other.count);
  const isSearch = filter.search !== undefined || terms.length > 0;
  const areMany = facets.length > (isSearch ? MAX_MERGED_SEARCH : MAX_MERGED);
  const first = rarest !== undefined && (rarest.count < inFacets || areMany) ? rarest.term : undefined;
  const conditions: Residual[] = [];
  if ((first !== undefined || areMany) && hasFacetCondition(filter)) {
    const numbers = JSON.stringify(facets.map(({ facet }) => facet));
    conditions.push({
      where: "j.facet IN (SELECT value FROM json_each(?))",
      values: [numbers],
      needsRow: true,
    });
  }
  if (filter.isStalled !== undefined)
    conditions.push({
      where: "(j.held_until IS NULL OR j.held_until <= ?)",
      values: [now],
      needsRow: true,
    });
  for (const term of terms) if (term !== first) conditions.push(hasTerm(ns, term));
  if (filter.search !== undefined) conditions.push(contains(filter.search));
  const residual = all(conditions);
  const isKnown =
    conditions.length === 0 &&
    first === undefined &&
    filter.createdFrom === undefined &&
    filter.createdBefore === undefined;
  return { sources: sourcesOf(), residual, count: isKnown ? inFacets : undefined };

  function sourcesOf(): ScanSource[] {
    if (first !== undefined) return [byTerm(ns, first)];
    return areMany ? [byCreation(ns)] : facets.map(({ facet }) => byFacet(facet));
  }
}

const hasTerm = (ns: number, term: string): Residual => ({
  where:
    "EXISTS (SELECT 1 FROM queueport_terms t WHERE t.ns = ? AND t.term = ? AND t.created_at = k.created_at AND t.id = k.id)",
  values: [ns, term],
  needsRow: false,
});

const contains = (text: string): Residual => ({
  where: "instr(coalesce((SELECT payload FROM queueport_job_data d WHERE d.job = k.job), 'null'), ?) > 0",
  values: [text],
  needsRow: false,
});

const byTerm = (ns: number, term: string): ScanSource => ({
  from: "queueport_terms k",
  where: "k.ns = ? AND k.term = ?",
  values: [ns, term],
});

const byFacet = (facet: number): ScanSource => ({
  from: "queueport_jobs k INDEXED BY queueport_jobs_by_facet",
  where: "k.facet = ?",
  values: [facet],
});

const byCreation = (ns: number): ScanSource => ({
  from: "queueport_jobs k INDEXED BY queueport_jobs_by_creation",
  where: "k.ns = ?",
  values: [ns],
});

function countOf(statements: Statements, ns: number, term: string, max: number): number {
  const counted = statements
    .of("SELECT count(*) AS count FROM (SELECT 1 FROM queueport_terms WHERE ns = ? AND term = ? LIMIT ?)")
    .get(ns, term, max);
  return Number(counted?.["count"]);
}

function all(conditions: readonly Residual[]): Residual | undefined {
  if (conditions.length === 0) return undefined;
  return {
    where: conditions.map(({ where }) => where).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
    needsRow: conditions.some(({ needsRow }) => needsRow),
  };
}
