import type { Clock } from "../../../src/driver/index.ts";
import {
  countedAs,
  type DataChange,
  hintsOf,
  type JobAnswer,
  type JobChange,
  type JobRow,
  type StoreHint,
  transition,
  withSaved,
} from "../../../src/jobs/store/index.ts";
import { MAX_MINUTES, MINUTE_MS, minuteOf } from "../../sql/job-store/reports.ts";
import type { JobTable, Stored } from "./job-table.ts";
import type { Statements } from "./statements.ts";

/** Milliseconds for which another process counts as writing after each of its transactions. Workers write every 10 s. */
const SHARED_MS = 60_000;

/** A hint that is given when its transaction is committed. */
export interface PendingHint {
  readonly ns: number;
  readonly hint: StoreHint;
  readonly id: string;
}

/** The jobs that ended in one minute within this transaction. */
interface Ended {
  readonly minute: number;
  readonly facet: number;
  count: number;
  durationMs: number;
}

/** Writes changes of jobs, and everything that follows from them, within the transactions of a group commit. */
export class JobWriter {
  readonly jobs: JobTable;
  readonly #statements: Statements;
  readonly #clock: Clock;
  readonly #onCommit: (hints: readonly PendingHint[], from: number, to: number) => void;
  /** The version of the file after this connection's last transaction. Another one means that others have written. */
  #dataVersion: unknown;
  /** When another process was last found to have written, in milliseconds of `performance.now`. */
  #sharedAt = Number.NEGATIVE_INFINITY;
  /** The last number of a change: before this transaction, and now. */
  #seqBefore = 0;
  #seq = 0;
  #hints: PendingHint[] = [];
  readonly #ended = new Map<string, Ended>();
  #lastMinute = 0;

  /** @param onCommit called after a commit, with the numbers of the last change before and after it */
  constructor(
    statements: Statements,
    jobs: JobTable,
    clock: Clock,
    onCommit: (hints: readonly PendingHint[], from: number, to: number) => void,
  ) {
    this.#statements = statements;
    this.jobs = jobs;
    this.#clock = clock;
    this.#onCommit = onCommit;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Begins a transaction. */
  begun(): void {
    const version = this.#statements.of("PRAGMA data_version").get()?.["data_version"];
    if (version === this.#dataVersion) return;
    if (this.#dataVersion !== undefined) this.#sharedAt = performance.now();
    this.#dataVersion = version;
    this.jobs.forget();
    this.#seqBefore = this.lastSeq();
    this.#seq = this.#seqBefore;
  }

  /** Whether other processes write to the file as well. */
  isShared(): boolean {
    return performance.now() - this.#sharedAt < SHARED_MS;
  }

  /** The number of the last change that is committed. */
  lastSeq(): number {
    return Number(
      this.#statements.of("SELECT value FROM queueport_meta WHERE name = 'seq'").get()?.["value"],
    );
  }

  /** Writes without a change, which shows that the file takes writes. */
  touch(): void {
    this.#statements.of("UPDATE queueport_meta SET value = value WHERE name = 'seq'").run();
  }

  /** Applies one change, and answers it. */
  apply(ns: number, change: JobChange, now: number): JobAnswer {
    const before = this.jobs.find(ns, change.id);
    const { row, answer, data, needsSaved } = transition(before?.row, change, now);
    const after =
      row !== undefined && (row !== before?.row || data !== undefined)
        ? this.write(ns, before, row, now, data)
        : before;
    if (needsSaved !== true || answer.do !== "run" || after === undefined) return answer;
    return withSaved(answer, this.jobs.dataOf(after, ["saved"]));
  }

  /** Writes a row; a row of another version counts as a change. */
  write(ns: number, before: Stored | undefined, row: JobRow, now: number, data?: DataChange): Stored {
    const isChange = row.version !== before?.row.version;
    const stored = this.jobs.write(ns, before, row, isChange ? this.#seq + 1 : before.seq, data);
    if (!isChange) return stored;
    this.#seq += 1;
    for (const hint of hintsOf(before?.row, row)) this.#hints.push({ ns, hint, id: row.id });
    if (countedAs(before?.row, row) !== undefined) this.#count(stored, now);
    return stored;
  }

  /** Writes the sums of a transaction, at its end. */
  ending(): void {
    this.jobs.facets.flush();
    for (const { minute, facet, count, durationMs } of this.#ended.values()) {
      this.#statements
        .of(
          "INSERT INTO queueport_minutes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count, duration_ms = duration_ms + excluded.duration_ms",
        )
        .run(minute, facet, count, durationMs);
      if (minute <= this.#lastMinute) continue;
      this.#lastMinute = minute;
      this.#statements
        .of("DELETE FROM queueport_minutes WHERE minute < ?")
        .run(minute - MAX_MINUTES * MINUTE_MS);
    }
    if (this.#seq === this.#seqBefore) return;
    this.#statements.of("UPDATE queueport_meta SET value = ? WHERE name = 'seq'").run(this.#seq);
  }

  ended(): void {
    const [hints, from, to] = [this.#hints, this.#seqBefore, this.#seq];
    this.jobs.facets.committed();
    this.#clear();
    this.#seqBefore = to;
    if (to !== from) this.#onCommit(hints, from, to);
  }

  rolledBack(): void {
    this.jobs.facets.rolledBack();
    this.jobs.forget();
    this.#clear();
    this.#seq = this.#seqBefore;
  }

  #clear(): void {
    this.#hints = [];
    this.#ended.clear();
  }

  #count({ facet, row }: Stored, now: number): void {
    const minute = minuteOf(now);
    const key = `${minute} ${facet}`;
    const ended = this.#ended.get(key) ?? { minute, facet, count: 0, durationMs: 0 };
    ended.count += 1;
    ended.durationMs += row.durationMs ?? 0;
    this.#ended.set(key, ended);
  }
}
