import { checkKeys, QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import { type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import type { Records } from "../records.ts";
import { FILTER_KEYS, type JobFilter, storedFilter } from "./filter.ts";
import { listCursor, placeAfter, queryOf } from "./list-cursor.ts";
import { placeAfterPage } from "../store/job-store.ts";

/** The options of `Jobs.list`. */
export interface ListJobsOptions extends JobFilter {
  /** From 1 to 200. @default 50 */
  readonly limit?: number | undefined;
  /** Jobs to skip, at most 10000. Not together with `cursor`. @default 0 */
  readonly offset?: number | undefined;
  /** `nextCursor` of the page before, of the same query. */
  readonly cursor?: string | undefined;
  /** @default newest */
  readonly order?: "newest" | "oldest" | undefined;
}

/** One page of jobs. */
export interface JobPage {
  readonly jobs: readonly JobSnapshot[];
  /** Jobs that match. At most 10,000 are counted. */
  readonly total: number;
  /** Whether there are more than `total`, or may be. */
  readonly isTotalCapped: boolean;
  /**
   * Whether the list stopped before the page was full, and may have no job although others match. A store looks one by one at
   * 100,000 jobs at most in a call, if no index answers the filter, such as `search`. `nextCursor` goes on from there.
   */
  readonly isPartial: boolean;
  /** The cursor of the next page; undefined if this is the last. */
  readonly nextCursor: string | undefined;
}

const MAX_LIMIT = 200;
const MAX_OFFSET = 10_000;
const MAX_TOTAL = 10_000;

/** Reads one page of jobs. */
export async function listJobs(records: Records, options: ListJobsOptions): Promise<JobPage> {
  checkKeys("list", options, { ...FILTER_KEYS, limit: true, offset: true, cursor: true, order: true });
  const { limit = 50, offset = 0, cursor, order = "newest" } = options;
  checkWhole("limit", limit, 1, MAX_LIMIT);
  checkWhole("offset", offset, 0, MAX_OFFSET);
  if (order !== "newest" && order !== "oldest")
    throw new QueueError("invalid_options", `list: order is "newest" or "oldest"; got ${show(order)}.`);
  if (cursor !== undefined && options.offset !== undefined)
    throw new QueueError("invalid_options", "list: give a cursor or an offset, not both.");
  const filter = storedFilter("list", options);
  checkSearch("list", records, filter.search);
  const query = queryOf(records.namespace, filter, order);
  const after = cursor === undefined ? undefined : placeAfter(query, cursor);
  const page = await records.read((store, namespace) =>
    store.list(namespace, filter, {
      limit,
      order,
      offset: after?.toSkip ?? offset,
      after,
      maxTotal: MAX_TOTAL,
    }),
  );
  const { rows, total, isTotalCapped, stoppedAt } = page;
  const place = placeAfterPage(page);
  const now = records.clock.now();
  return {
    jobs: rows.map((row) => snapshotOf({ row }, now)),
    total,
    isTotalCapped,
    isPartial: stoppedAt !== undefined,
    nextCursor: place && listCursor(query, { ...place, toSkip: stoppedAt?.toSkip ?? 0 }),
  };
}

/** @throws QueueError `not_supported` when the store cannot search in payloads */
export function checkSearch(where: string, { store }: Records, search: string | undefined): void {
  if (search === undefined || store.capabilities.search) return;
  throw new QueueError(
    "not_supported",
    `${where}: this job store (${store.name}) cannot search in payloads. Leave search out, and filter by type, tag or tenant.`,
  );
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new QueueError(
    "invalid_options",
    `list: ${name} is a whole number from ${least} to ${most}; got ${show(value)}.`,
  );
}
