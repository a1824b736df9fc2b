import { QueueError } from "../../errors.ts";
import { MAX_AHEAD_MS, taken } from "./birth-rules.ts";
import type { DataChange } from "./effect.ts";
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
import { Order } from "./order.ts";
import { hintsOf, keptMs } from "./written.ts";

/** The times at which jobs can be taken, in epoch milliseconds. */
interface Times {
  readonly first: number;
  /** That of the last queued job. */
  readonly last: number;
}

interface HintListener {
  readonly listener: (hint: StoreHint, id: string) => void;
}

/** The records of one namespace in memory. */
export class MemoryNamespace {
  readonly workers: Map<string, WorkerRow> = new Map();
  fingerprint: string | undefined;
  /** A new list with each one that comes or goes. Read for every change, where an iterator of a set costs more. */
  #listeners: readonly HintListener[] = [];
  readonly #maxFinished: number;
  readonly #entries = new Map<string, Entry>();
  /** Jobs whose message is to be sent. */
  readonly #pending = new Set<Entry>();
  /** When these can be taken; undefined if that is to be found out. */
  #times: Times | undefined;
  /** Finished jobs, the one that ended first at the front. */
  readonly #finished = new Order<Entry>((entry, at) => (entry.endAt = at));
  /** All jobs, the one whose last change is the oldest at the front. */
  readonly #changes = new Order<Entry>((entry, at) => (entry.changeAt = at));
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
    this.#move(before, row);
    if (entry.isPending !== (row.dispatch !== undefined)) this.#setPending(entry, !entry.isPending);
    if (row.version === before?.version) return;
    this.#seq += 1;
    entry.seq = this.#seq;
    if (known !== undefined) this.#changes.remove(entry.changeAt);
    this.#changes.append(entry);
    this.#minutes.add(before, row, now);
    if (!isFinal(row.status)) this.#unfinish(entry);
    else if (row.finishedAt !== before?.finishedAt || entry.endAt < 0) this.#finish(entry);
    if (this.#listeners.length > 0) this.#hint(before, row);
  }

  listen(listener: (hint: StoreHint, id: string) => void): () => void {
    // One of its own, since the same function may listen twice.
    const one: HintListener = { listener };
    this.#listeners = [...this.#listeners, one];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== one);
    };
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

  takeDue({ queues, except, limit, takenMs }: TakeOptions, now: number): DueJob[] {
    const { first, last } = (this.#times ??= this.#timesOf());
    // Asked for after each job that is delayed, when most often none is due.
    if (first > now && last <= now + MAX_AHEAD_MS) return [];
    const due = this.#dispatches(queues, except)
      .filter(({ at }) => at <= now || at > now + MAX_AHEAD_MS)
      .map((one) => ({ ...one, row: taken(one.entry.row, now, takenMs) }))
      .filter(({ row }) => row !== undefined)
      .toSorted((one, other) => one.at - other.at || byCreation(one.entry.row, other.entry.row));
    return due.slice(0, limit).flatMap(({ entry, row }) => {
      const { message } = entry.read(["message"]);
      if (row === undefined || message === undefined) return [];
      this.#move(entry.row, row);
      entry.row = row;
      return [{ row, message }];
    });
  }

  nextDueAt(queues?: readonly string[]): number | undefined {
    const { first } = queues === undefined ? (this.#times ??= this.#timesOf()) : this.#timesOf(queues);
    return first === Infinity ? undefined : first;
  }

  changedSince(cursor: string | undefined, limit: number): ChangePage {
    if (cursor === undefined) return { rows: [], cursor: String(this.#seq), hasMore: false };
    if (!(Number(cursor) <= this.#seq))
      throw new QueueError("invalid_options", "The cursor is not one that this job store has given.");
    const after = Number(cursor);
    const found = this.#changes.from(({ seq }) => seq > after, limit + 1);
    const page = found.slice(0, limit);
    const rows = page.map(({ row }) => row);
    const last = page.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { rows, cursor: String(hasMore ? last.seq : this.#seq), hasMore };
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

  #dispatches(
    queues: readonly string[] | undefined,
    except: readonly string[] = [],
  ): { readonly entry: Entry; readonly at: number }[] {
    return [...this.#pending].flatMap((entry) => {
      const { queue } = entry.row;
      const at = takeableAt(entry.row);
      if (at === undefined || queues?.includes(queue) === false || except.includes(queue)) return [];
      return [{ entry, at }];
    });
  }

  #timesOf(queues?: readonly string[]): Times {
    let [first, last] = [Infinity, -Infinity];
    for (const { entry, at } of this.#dispatches(queues)) {
      first = Math.min(first, at);
      if (entry.row.status === "queued") last = Math.max(last, at);
    }
    return { first, last };
  }

  /** Follows the time at which a job can be taken. */
  #move(before: JobRow | undefined, row: JobRow): void {
    if (this.#times === undefined) return;
    const was = before === undefined ? undefined : takeableAt(before);
    const at = takeableAt(row);
    if (was === at && before?.status === row.status) return;
    const { first, last } = this.#times;
    if (was === first || was === last) this.#times = undefined;
    else if (at !== undefined)
      this.#times = {
        first: Math.min(first, at),
        last: row.status === "queued" ? Math.max(last, at) : last,
      };
  }

  #setPending(entry: Entry, isPending: boolean): void {
    entry.isPending = isPending;
    if (isPending) this.#pending.add(entry);
    else this.#pending.delete(entry);
  }

  #finish(entry: Entry): void {
    this.#unfinish(entry);
    this.#finished.append(entry);
    if (this.#finished.size > this.#maxFinished && this.#finished.first !== undefined)
      this.#forget(this.#finished.first);
  }

  #unfinish(entry: Entry): void {
    if (entry.endAt >= 0) this.#finished.remove(entry.endAt);
    entry.endAt = -1;
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.id);
    if (entry.isPending) {
      this.#setPending(entry, false);
      this.#times = undefined;
    }
    this.#changes.remove(entry.changeAt);
    this.#unfinish(entry);
  }

  #hint(before: JobRow | undefined, row: JobRow): void {
    const hints = hintsOf(before, row);
    const listeners = this.#listeners;
    for (let index = 0; index < listeners.length; index += 1)
      for (let at = 0; at < hints.length; at += 1)
        (listeners[index] as HintListener).listener(hints[at] as StoreHint, row.id);
  }
}

/** When a job can be taken to send its message; undefined if it has none to send. */
function takeableAt({ dispatch }: JobRow): number | undefined {
  return dispatch === undefined ? undefined : Math.max(dispatch.dueAt, dispatch.takenUntil);
}

function payloadText(entry: Entry): string {
  return JSON.stringify(entry.read(["message"]).message?.payload ?? null);
}
