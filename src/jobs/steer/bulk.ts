import { checkKeys } from "../../errors.ts";
import { newId } from "../../lib/ids.ts";
import type { JobsContext } from "../context.ts";
import { DISPATCH_MS, type Dispatcher } from "../dispatch/dispatcher.ts";
import { FILTER_KEYS, type JobFilter, storedFilter } from "../read/filter.ts";
import { checkSearch } from "../read/list.ts";
import type { CancelChange, PlainAnswer, ReopenChange } from "../store/change.ts";
import type { JobRow, JobStatus } from "../store/job-row.ts";
import { type ListPlace, placeAfterPage, type StoredJobFilter } from "../store/job-store.ts";
import { checkReason } from "./steering.ts";

/** Jobs of one batch. */
const BATCH = 200;

const UNFINISHED: readonly JobStatus[] = ["scheduled", "queued", "processing", "retrying"];

/** Cancels every unfinished job that matches. Returns the number of jobs that were cancelled, or asked to end. */
export async function cancelAll(
  context: JobsContext,
  filter: JobFilter,
  options: { readonly reason?: string | undefined; readonly dryRun?: boolean | undefined } = {},
): Promise<number> {
  checkKeys("cancelAll", options, { reason: true, dryRun: true });
  const { reason, dryRun = false } = options;
  checkReason("cancelAll", reason);
  const selection = selectionOf("cancelAll", context, filter, UNFINISHED);
  if (dryRun) return countOf(context, selection);
  let count = 0;
  const asked = new Set<string>();
  // A job that goes from one state to another while a page is read may be in none of them. Nothing new ends the search.
  for (let isNew = true; isNew;) {
    isNew = false;
    for await (const rows of batches(context, selection)) {
      const changes = rows
        .filter(({ id }) => !asked.has(id))
        .map(({ id }): CancelChange => ({ kind: "cancel", id, reason, onlyKnown: true }));
      for (const { ok, row } of await applyAll(context, changes)) {
        isNew = true;
        if (ok) count += 1;
        // The others are not found again.
        if (row !== undefined && selection.status?.includes(row.status) === true) asked.add(row.id);
      }
    }
  }
  return count;
}

/** Retries every failed job that matches. Returns the number of jobs that run again. */
export async function retryAll(
  context: JobsContext,
  dispatcher: Dispatcher,
  filter: JobFilter,
  options: { readonly dryRun?: boolean | undefined } = {},
): Promise<number> {
  checkKeys("retryAll", options, { dryRun: true });
  const selection = selectionOf("retryAll", context, filter, ["failed"]);
  if (options.dryRun === true) return countOf(context, selection);
  const { clock, records } = context;
  let count = 0;
  for await (const rows of batches(context, selection)) {
    const changes = rows.map(({ id }): ReopenChange => {
      const token = newId(clock.now());
      return { kind: "reopen", id, token, force: false, takenMs: DISPATCH_MS };
    });
    const taken = (await applyAll(context, changes)).flatMap(({ ok, row }) =>
      ok && row !== undefined ? [row] : [],
    );
    count += taken.length;
    const ids = taken.map(({ id }) => id);
    const stored = await records.read((store, namespace) => store.get(namespace, ids, ["message"]));
    // The jobs of this batch are taken for a limited time, and so sent before the next one is.
    await Promise.all(
      taken.flatMap((row, index) => {
        const message = stored[index]?.message;
        return message === undefined ? [] : [dispatcher.dispatch({ row, message })];
      }),
    );
  }
  return count;
}

/** The jobs of a filter that were created until now. Jobs that are created meanwhile are not meant. */
function selectionOf(
  where: string,
  { records }: JobsContext,
  filter: JobFilter,
  statuses: readonly JobStatus[],
): StoredJobFilter {
  checkKeys(where, filter, FILTER_KEYS);
  const stored = storedFilter(where, filter);
  checkSearch(where, records, stored.search);
  const now = records.clock.now() + 1;
  return {
    ...stored,
    status: stored.status ?? statuses,
    createdBefore: Math.min(stored.createdBefore ?? now, now),
  };
}

async function countOf(context: JobsContext, filter: StoredJobFilter): Promise<number> {
  const page = { limit: 1, order: "oldest", maxTotal: Number.MAX_SAFE_INTEGER } as const;
  const found = await context.records.read((store, namespace) => store.list(namespace, filter, page));
  if (!found.isTotalCapped) return found.total;
  // The store looks at a limited number of jobs in one call.
  let count = 0;
  for await (const rows of batches(context, filter)) count += rows.length;
  return count;
}

async function* batches(
  { records }: JobsContext,
  filter: StoredJobFilter,
): AsyncGenerator<readonly JobRow[], void, undefined> {
  let after: ListPlace | undefined;
  for (;;) {
    const page = { limit: BATCH, order: "oldest", after, maxTotal: 0 } as const;
    const found = await records.read((store, namespace) => store.list(namespace, filter, page));
    if (found.rows.length > 0) yield found.rows;
    after = placeAfterPage(found);
    if (after === undefined) return;
  }
}

/** Applies changes of different jobs, which share requests of the store. */
function applyAll(
  { records }: JobsContext,
  changes: readonly (CancelChange | ReopenChange)[],
): Promise<PlainAnswer[]> {
  return Promise.all(changes.map((change) => records.change(change)));
}
