import { QueueError } from "../../errors.ts";
import { taken } from "./birth-rules.ts";
import type { DataChange } from "./effect.ts";
import { Chain, Link } from "./chain.ts";
import { type FinalStatus, isFinal, type JobRow } from "./job-row.ts";
import {
  type ChangePage,
  type DueJob,
  type JobCount,
  type MinuteCount,
  MIN_KEPT_MS,
  type PageRequest,
  type PruneOutcome,
  type PrunePolicy,
  type StoredJobFilter,
  type StoredPage,
  type StoreHint,
  type TakeOptions,
  WORKER_GONE_MS,
  type WorkerRow,
} from "./job-store.ts";
import { byCreation, matches } from "./match.ts";
import { Entry } from "./memory-entry.ts";
import { MemoryMinutes } from "./memory-minutes.ts";
import { hintsOf, keptMs } from "./written.ts";

/** Places of readers that are kept, so that a reader goes on where it stopped. */
const MAX_PLACES = 64;

/** The records of one namespace in memory. */
export class MemoryNamespace {
  readonly workers: Map<string, WorkerRow> = new Map();
  readonly listeners: Set<(hint: StoreHint, id: string) => void> = new Set();
  fingerprint: string | undefined;
  readonly #maxFinished: number;
  readonly #entries = new Map<string, Entry>();
  /** Jobs whose message is to be sent. */
  readonly #pending = new Set<Entry>();
  /** Finished jobs, the one that ended first at the front. */
  readonly #finished = new Chain<Entry>();
  /** All jobs, the one whose last change is the oldest at the front. */
  readonly #changes = new Chain<Entry>();
  /** The jobs at which pages of changes ended, by the cursors of those pages. */
  readonly #places = new Map<number, Entry>();
  readonly #minutes = new MemoryMinutes();
  #seq = 0;

  constructor(maxFinished: number) {
    this.#maxFinished = maxFinished;
  }

  entry(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Replaces a row, and applies a change of its data. */
  write(known: Entry | undefined, row: JobRow, data: DataChange | undefined, now: number): void {
    const before = known?.row;
    const entry = known ?? new Entry(row);
    // First, since data that is no JSON is refused.
    if (data !== undefined) entry.write(data);
    if (known === undefined) this.#entries.set(row.id, entry);
    entry.row = row;
    if (row.dispatch !== undefined) this.#pending.add(entry);
    else if (before?.dispatch !== undefined) this.#pending.delete(entry);
    if (row.version === before?.version) return;
    this.#seq += 1;
    entry.seq = this.#seq;
    this.#changes.append(entry.change);
    this.#minutes.add(before, row, now);
    if (!isFinal(row.status)) {
      if (entry.end !== undefined) this.#finished.remove(entry.end);
    } else if (row.finishedAt !== before?.finishedAt || entry.end?.chain === undefined) this.#finish(entry);
    if (this.listeners.size > 0) this.#hint(before, row);
  }

  list(
    filter: StoredJobFilter,
    { limit, order, offset = 0, after, maxTotal = 10_000 }: PageRequest,
    now: number,
  ): StoredPage {
    const { search } = filter;
    const found = [...this.#entries.values()]
      .filter((entry) => matches(entry.row, filter, now))
      .filter((entry) => search === undefined || payloadText(entry).includes(search))
      .map(({ row }) => row)
      .toSorted((one, other) => (order === "oldest" ? byCreation(one, other) : byCreation(other, one)));
    const isBeyond = (row: JobRow): boolean => {
      if (after === undefined) return true;
      const place = byCreation(row, after as JobRow);
      return order === "oldest" ? place > 0 : place < 0;
    };
    const rest = found.filter(isBeyond).slice(offset);
    return {
      rows: rest.slice(0, limit),
      total: Math.min(found.length, maxTotal),
      isTotalCapped: found.length > maxTotal,
      hasMore: rest.length > limit,
    };
  }

  counts(): JobCount[] {
    const counts = new Map<string, JobCount>();
    for (const { row } of this.#entries.values()) {
      const { queue, type, status } = row;
      if (isFinal(status)) continue;
      const key = JSON.stringify([queue, type, status]);
      counts.set(key, { queue, type, status, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  minutes(since: number): MinuteCount[] {
    return this.#minutes.since(since);
  }

  takeDue({ queues, limit, takenMs }: TakeOptions, now: number): DueJob[] {
    const due = this.#dispatches(queues)
      .filter(({ at }) => at <= now)
      .toSorted((one, other) => one.at - other.at || byCreation(one.entry.row, other.entry.row));
    return due.slice(0, limit).flatMap(({ entry }) => {
      const row = taken(entry.row, now, takenMs);
      const { message } = entry.read(["message"]);
      if (row === undefined || message === undefined) return [];
      entry.row = row;
      return [{ row, message }];
    });
  }

  nextDueAt(queues?: readonly string[]): number | undefined {
    let next: number | undefined;
    for (const { at } of this.#dispatches(queues)) if (next === undefined || at < next) next = at;
    return next;
  }

  changedSince(cursor: string | undefined, limit: number): ChangePage {
    if (cursor === undefined) return { rows: [], cursor: String(this.#seq), hasMore: false };
    if (!(Number(cursor) <= this.#seq))
      throw new QueueError("invalid_options", "The cursor is not one that this job store has given.");
    const rows: JobRow[] = [];
    let link = this.#firstAfter(Number(cursor));
    let last: Entry | undefined;
    for (; link !== undefined && rows.length < limit; link = link.after) {
      last = link.item;
      rows.push(last.row);
    }
    if (link === undefined || last === undefined) return { rows, cursor: String(this.#seq), hasMore: false };
    this.#places.set(last.seq, last);
    for (const [oldest] of this.#places) if (this.#places.size > MAX_PLACES) this.#places.delete(oldest);
    return { rows, cursor: String(last.seq), hasMore: true };
  }

  liveWorkers(now: number): WorkerRow[] {
    for (const [id, { seenAt }] of this.workers) if (now - seenAt > WORKER_GONE_MS) this.workers.delete(id);
    return [...this.workers.values()];
  }

  prunable(policy: PrunePolicy, now: number): Entry[] {
    let beyond = this.#finished.size - policy.maxFinished;
    return this.#finished.all().filter(({ row }) => {
      beyond -= 1;
      const ageMs = now - (row.finishedAt ?? now);
      const isOld = ageMs > keptMs(row.status as FinalStatus, policy);
      return isOld || (beyond >= 0 && ageMs > MIN_KEPT_MS);
    });
  }

  prune(policy: PrunePolicy, limit: number, ids: readonly string[] | undefined, now: number): PruneOutcome {
    const allowed = ids === undefined ? undefined : new Set(ids);
    const doomed = this.prunable(policy, now).filter(({ row }) => allowed?.has(row.id) ?? true);
    for (const entry of doomed.slice(0, limit)) this.#forget(entry);
    let stripped = 0;
    for (const entry of this.#finished.all()) {
      const { row } = entry;
      const isOld = row.status === "completed" && now - (row.finishedAt ?? now) > policy.dataMs;
      if (!isOld || !entry.hasData || stripped === limit) continue;
      entry.dropData();
      entry.row = { ...row, hasMessage: false, hasSaved: false };
      stripped += 1;
    }
    const hasMore = doomed.length > limit || stripped === limit;
    return { deleted: Math.min(doomed.length, limit), stripped, hasMore };
  }

  #dispatches(queues: readonly string[] | undefined): { readonly entry: Entry; readonly at: number }[] {
    return [...this.#pending].flatMap((entry) => {
      const { queue, dispatch } = entry.row;
      if (dispatch === undefined || queues?.includes(queue) === false) return [];
      return [{ entry, at: Math.max(dispatch.dueAt, dispatch.takenUntil) }];
    });
  }

  /** The first change after a cursor: found from the last one, or from where a page ended. */
  #firstAfter(seq: number): Link<Entry> | undefined {
    const place = this.#places.get(seq);
    if (place?.seq === seq && place.change.chain !== undefined) return place.change.after;
    let first: Link<Entry> | undefined;
    for (let link = this.#changes.last; link !== undefined && link.item.seq > seq; link = link.before)
      first = link;
    return first;
  }

  #finish(entry: Entry): void {
    entry.end ??= new Link(entry);
    this.#finished.append(entry.end);
    if (this.#finished.size > this.#maxFinished && this.#finished.first !== undefined)
      this.#forget(this.#finished.first.item);
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.row.id);
    this.#pending.delete(entry);
    this.#changes.remove(entry.change);
    if (entry.end !== undefined) this.#finished.remove(entry.end);
  }

  #hint(before: JobRow | undefined, row: JobRow): void {
    for (const listener of this.listeners) for (const hint of hintsOf(before, row)) listener(hint, row.id);
  }
}

function payloadText(entry: Entry): string {
  return JSON.stringify(entry.read(["message"]).message?.payload ?? null);
}
