import { taken } from "./birth-rules.ts";
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
import { MemoryData } from "./memory-data.ts";
import { countedAs, hintsOf, keptMs } from "./written.ts";

const MINUTE_MS = 60_000;
/** Share of the finished jobs that may be kept beyond the limit. */
const SLACK = 0.01;
/** Minutes of which the ended jobs are counted. */
const MAX_MINUTES = 1_440;

/** A count that goes on. */
type CountedMinute = { -readonly [Key in keyof MinuteCount]: MinuteCount[Key] };

/** A change in the log of changes. It is out of date if its job has changed since. */
interface Logged {
  readonly id: string;
  readonly version: number;
  readonly seq: number;
}

/** The records of one namespace in memory. */
export class MemoryNamespace {
  readonly rows: Map<string, JobRow> = new Map();
  readonly data: MemoryData = new MemoryData();
  readonly workers: Map<string, WorkerRow> = new Map();
  readonly listeners: Set<(hint: StoreHint, id: string) => void> = new Set();
  fingerprint: string | undefined;
  readonly #maxFinished: number;
  /** Jobs whose message is to be sent. */
  readonly #pending = new Set<string>();
  /** Finished jobs, the one that ended first at the front. */
  readonly #finished = new Map<string, number>();
  readonly #minutes = new Map<string, CountedMinute>();
  /** The one that was counted last. */
  #minute: CountedMinute | undefined;
  #log: Logged[] = [];
  #seq = 0;

  constructor(maxFinished: number) {
    this.#maxFinished = maxFinished;
  }

  /** Replaces a row, and applies a change of its data. */
  write(before: JobRow | undefined, row: JobRow, data: DataChange | undefined, now: number): void {
    const { id } = row;
    this.rows.set(id, row);
    if (data !== undefined) this.data.write(id, data);
    if (row.dispatch !== undefined) this.#pending.add(id);
    else if (before?.dispatch !== undefined) this.#pending.delete(id);
    if (row === before || row.version === before?.version) return;
    this.#count(before, row, now);
    const wasFinal = before !== undefined && isFinal(before.status);
    const isOver = isFinal(row.status);
    if (wasFinal && (!isOver || row.finishedAt !== before.finishedAt)) this.#finished.delete(id);
    if (isOver && !(wasFinal && this.#finished.has(id))) this.#finish(id, now);
    this.#record(row);
    if (this.listeners.size > 0) this.#hint(before, row);
  }

  list(
    filter: StoredJobFilter,
    { limit, order, offset = 0, after, maxTotal = 10_000 }: PageRequest,
    now: number,
  ): StoredPage {
    const { search } = filter;
    const found = [...this.rows.values()]
      .filter((row) => matches(row, filter, now))
      .filter(({ id }) => search === undefined || this.#payloadText(id).includes(search))
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
    for (const { queue, type, status } of this.rows.values()) {
      if (isFinal(status)) continue;
      const key = JSON.stringify([queue, type, status]);
      counts.set(key, { queue, type, status, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  minutes(since: number): MinuteCount[] {
    const counted = [...this.#minutes.values()].filter(({ minute }) => minute + MINUTE_MS > since);
    return counted.map((one) => ({ ...one }));
  }

  takeDue({ queues, limit, takenMs }: TakeOptions, now: number): DueJob[] {
    const due = this.#dispatches(queues)
      .filter(({ at }) => at <= now)
      .toSorted((one, other) => one.at - other.at || byCreation(one.row, other.row));
    const jobs: DueJob[] = [];
    for (const { row } of due.slice(0, limit)) {
      const next = taken(row, now, takenMs);
      const message = this.data.message(row.id);
      if (next === undefined || message === undefined) continue;
      this.rows.set(row.id, next);
      jobs.push({ row: next, message });
    }
    return jobs;
  }

  nextDueAt(queues?: readonly string[]): number | undefined {
    const times = this.#dispatches(queues).map(({ at }) => at);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  changedSince(cursor: string | undefined, limit: number): ChangePage {
    if (cursor === undefined) return { rows: [], cursor: String(this.#seq), hasMore: false };
    const since = Number(cursor);
    const from = firstAfter(this.#log, since);
    const rows: JobRow[] = [];
    let last = since;
    let hasMore = false;
    for (let index = from; index < this.#log.length; index += 1) {
      const { id, version, seq } = this.#log[index] as Logged;
      const row = this.rows.get(id);
      if (row?.version !== version) continue;
      if (rows.length === limit) {
        hasMore = true;
        break;
      }
      rows.push(row);
      last = seq;
    }
    return { rows, cursor: String(hasMore ? last : Math.max(last, this.#seq)), hasMore };
  }

  liveWorkers(now: number): WorkerRow[] {
    for (const [id, { seenAt }] of this.workers) if (now - seenAt > WORKER_GONE_MS) this.workers.delete(id);
    return [...this.workers.values()];
  }

  prunable(policy: PrunePolicy, now: number): JobRow[] {
    const beyond = this.#finished.size - policy.maxFinished;
    return [...this.#finished.keys()].flatMap((id, index) => {
      const row = this.rows.get(id) as JobRow;
      const ageMs = now - (row.finishedAt ?? now);
      const isOld = ageMs > keptMs(row.status as FinalStatus, policy);
      return isOld || (index < beyond && ageMs > MIN_KEPT_MS) ? [row] : [];
    });
  }

  prune(policy: PrunePolicy, limit: number, ids: readonly string[] | undefined, now: number): PruneOutcome {
    const allowed = ids === undefined ? undefined : new Set(ids);
    const doomed = this.prunable(policy, now).filter(({ id }) => allowed?.has(id) ?? true);
    for (const { id } of doomed.slice(0, limit)) this.#forget(id);
    let stripped = 0;
    for (const id of this.#finished.keys()) {
      const row = this.rows.get(id) as JobRow;
      const isOld = row.status === "completed" && now - (row.finishedAt ?? now) > policy.dataMs;
      if (!isOld || !this.data.has(id) || stripped === limit) continue;
      this.data.delete(id);
      this.rows.set(id, { ...row, hasMessage: false, hasSaved: false });
      stripped += 1;
    }
    const hasMore = doomed.length > limit || stripped === limit;
    return { deleted: Math.min(doomed.length, limit), stripped, hasMore };
  }

  #dispatches(queues: readonly string[] | undefined): { readonly row: JobRow; readonly at: number }[] {
    return [...this.#pending].flatMap((id) => {
      const row = this.rows.get(id);
      if (row?.dispatch === undefined || queues?.includes(row.queue) === false) return [];
      return [{ row, at: Math.max(row.dispatch.dueAt, row.dispatch.takenUntil) }];
    });
  }

  #payloadText(id: string): string {
    return JSON.stringify(this.data.message(id)?.payload ?? null);
  }

  #finish(id: string, now: number): void {
    this.#finished.set(id, now);
    const excess = this.#finished.size - this.#maxFinished;
    if (excess <= this.#maxFinished * SLACK) return;
    // Many at a time, since a walk from the front of a map passes over all that were deleted there.
    let left = excess;
    for (const oldest of this.#finished.keys()) {
      if (left === 0) return;
      left -= 1;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.rows.delete(id);
    this.data.delete(id);
    this.#finished.delete(id);
    this.#pending.delete(id);
  }

  #count(before: JobRow | undefined, row: JobRow, now: number): void {
    const { queue, type } = row;
    const status = countedAs(before, row);
    if (status === undefined) return;
    const counted = this.#minuteOf(Math.floor(now / MINUTE_MS) * MINUTE_MS, queue, type, status);
    counted.count += 1;
    counted.durationMs += row.durationMs ?? 0;
  }

  /** Most jobs end in the same minute and as the same as the job before. */
  #minuteOf(minute: number, queue: string, type: string, status: MinuteCount["status"]): CountedMinute {
    const last = this.#minute;
    if (last?.minute === minute && last.status === status && last.type === type && last.queue === queue)
      return last;
    const key = JSON.stringify([minute, queue, type, status]);
    const none = { minute, queue, type, status, count: 0, durationMs: 0 };
    const counted = this.#minutes.get(key) ?? none;
    this.#minutes.set(key, counted);
    this.#minute = counted;
    for (const [old, one] of this.#minutes) {
      if (minute - one.minute <= MAX_MINUTES * MINUTE_MS) break;
      this.#minutes.delete(old);
    }
    return counted;
  }

  #record({ id, version }: JobRow): void {
    this.#seq += 1;
    this.#log.push({ id, version, seq: this.#seq });
    if (this.#log.length < 1_000 || this.#log.length < 3 * this.rows.size) return;
    this.#log = this.#log.filter((one) => this.rows.get(one.id)?.version === one.version);
  }

  #hint(before: JobRow | undefined, row: JobRow): void {
    const hints = hintsOf(before, row);
    for (const listener of this.listeners) for (const hint of hints) listener(hint, row.id);
  }
}

/** The index of the first entry after `seq`. */
function firstAfter(log: readonly Logged[], seq: number): number {
  let [low, high] = [0, log.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((log[middle] as Logged).seq > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
