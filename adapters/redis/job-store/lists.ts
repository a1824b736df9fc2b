import { QueueError } from "../../../src/driver/index.ts";
import {
  type JobRow,
  type ListPlace,
  matches,
  type PageRequest,
  type StoredJobFilter,
  type StoredPage,
} from "../../../src/jobs/store/index.ts";
import {
  hasFacetCondition,
  matchesFacet,
  MAX_EXAMINED,
  MAX_TOTAL,
  termsOfFilter,
} from "../../sql/job-store/filters.ts";
import { type CountedFacet, sizesOf } from "./reports.ts";
import { SIZES } from "./scripts.ts";
import type { Space } from "./space.ts";
import { Walk } from "./walk.ts";

/** Jobs that are read in one script at most: a few hundred KB, which take about a millisecond. */
const MAX_READ = 500;
/** Jobs that are read in the second script of a search at least. */
const LEAST_READ = 64;

/** One page of the jobs that meet a filter, in the order of their creation. */
export async function listJobs(
  space: Space,
  filter: StoredJobFilter,
  page: PageRequest,
): Promise<StoredPage> {
  if (filter.search !== undefined)
    throw new QueueError(
      "not_supported",
      'The job store "redis" cannot search in payloads. Filter by type, tenant or tag, or choose another store.',
    );
  const facets = await sizesOf(space, (facet) => matchesFacet(facet, filter));
  if (facets.length === 0) return { rows: [], total: 0, isTotalCapped: false, hasMore: false };
  const { keys, isExact } = await wayOf(space, filter, facets);
  const isMet = (row: JobRow): boolean => matches(row, filter, space.now());
  const searchFrom = (after: ListPlace | undefined): Search =>
    new Search(new Walk(space, keys, { filter, order: page.order, after }), isMet, {
      most: isExact ? Number.POSITIVE_INFINITY : (page.maxExamined ?? MAX_EXAMINED),
    });
  return isExact ? exactPage(searchFrom(page.after), page) : searchedPage(searchFrom, page);
}

/** A page of jobs that all meet the filter, so that they are counted without a look at them. */
async function exactPage(
  search: Search,
  { limit, offset = 0, maxTotal = MAX_TOTAL }: PageRequest,
): Promise<StoredPage> {
  const found = await search.next(offset + limit + 1);
  return {
    rows: found.slice(offset, offset + limit),
    hasMore: found.length > offset + limit,
    total: Math.min(search.count, maxTotal),
    isTotalCapped: search.count > maxTotal,
  };
}

async function searchedPage(
  searchFrom: (after: ListPlace | undefined) => Search,
  { limit, offset = 0, after, maxTotal = MAX_TOTAL }: PageRequest,
): Promise<StoredPage> {
  const search = searchFrom(after);
  const found = await search.next(offset + limit + 1);
  const hasMore = found.length > offset + limit;
  const last = hasMore ? undefined : search.stoppedAt;
  const stoppedAt = last && { ...last, toSkip: Math.max(0, offset - found.length) };
  // The jobs of this page are counted already, unless the page begins behind others.
  const [counting, counted] = after === undefined ? [search, found.length] : [searchFrom(undefined), 0];
  const total = counted + (await counting.next(maxTotal + 1 - counted)).length;
  return {
    rows: found.slice(offset, offset + limit),
    hasMore: hasMore || stoppedAt !== undefined,
    total: Math.min(total, maxTotal),
    isTotalCapped: total > maxTotal || counting.stoppedAt !== undefined,
    stoppedAt,
  };
}

interface Way {
  readonly keys: readonly string[];
  /** Whether all of its jobs meet the filter. */
  readonly isExact: boolean;
}

/** The sorted sets on which the fewest jobs are looked at: those of the facets, or that of the rarest term. */
async function wayOf(space: Space, filter: StoredJobFilter, facets: readonly CountedFacet[]): Promise<Way> {
  const terms = termsOfFilter(filter).map((term) => space.keys.term(term));
  const ofFacets = facets.map(({ facet }) => space.keys.facet(facet));
  const isStalled = filter.isStalled !== undefined;
  if (terms.length === 0) return { keys: ofFacets, isExact: !isStalled };
  if (terms.length === 1 && !hasFacetCondition(filter)) return { keys: terms, isExact: true };
  const inFacets = facets.reduce((sum, { count }) => sum + count, 0);
  const [[, ...sizes]] = (await space.run(SIZES, [space.keys.facets, ...terms])) as [number[]];
  const least = Math.min(...sizes);
  const rarest = terms[sizes.indexOf(least)];
  return { keys: least < inFacets && rarest !== undefined ? [rarest] : ofFacets, isExact: false };
}

/**
 * Reads jobs in their order, and keeps those that meet a condition. Ends after a number of jobs that were looked at,
 * wherever it is.
 */
class Search {
  readonly #walk: Walk;
  readonly #isMet: (row: JobRow) => boolean;
  #left: number;
  #read: number | undefined = undefined;
  /** Jobs that were found, and not returned. */
  #found: JobRow[] = [];
  #last: ListPlace | undefined;
  #isAtEnd = false;
  #count = 0;

  /** @param most jobs that are looked at in all */
  constructor(walk: Walk, isMet: (row: JobRow) => boolean, { most }: { readonly most: number }) {
    this.#walk = walk;
    this.#isMet = isMet;
    this.#left = most;
  }

  /** The number of jobs of the way, in the range of creation. Known once jobs were read. */
  get count(): number {
    return this.#count;
  }

  /** The place of the last job that was looked at, if there may be others behind it; undefined at the end of all jobs. */
  get stoppedAt(): ListPlace | undefined {
    return this.#isAtEnd ? undefined : this.#last;
  }

  /** The next jobs that meet the condition, at most `limit`; fewer at the end, or after the number of jobs. */
  async next(limit: number): Promise<JobRow[]> {
    while (this.#found.length < limit && !this.#isAtEnd && this.#left > 0) {
      // Most pages are full after the first script.
      const read = this.#read ?? Math.min(MAX_READ, limit);
      const { jobs, count, last } = await this.#walk.next(Math.min(this.#left, read));
      for (const { row } of jobs) if (this.#isMet(row)) this.#found.push(row);
      this.#left -= Math.max(1, jobs.length);
      this.#read = Math.min(MAX_READ, Math.max(LEAST_READ, read * 2));
      this.#count = count;
      this.#last = last ?? this.#last;
      this.#isAtEnd = last === undefined;
    }
    return this.#found.splice(0, limit);
  }
}
