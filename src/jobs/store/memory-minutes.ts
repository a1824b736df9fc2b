import type { JobRow } from "./job-row.ts";
import type { MinuteCount } from "./job-store.ts";
import { countedAs } from "./written.ts";

const MINUTE_MS = 60_000;
/** Minutes of which the ended jobs are counted. */
const MAX_MINUTES = 1_440;

type Count = { -readonly [Name in keyof MinuteCount]: MinuteCount[Name] };

/** The jobs that ended, by the minute. */
export class MemoryMinutes {
  /** The counts of each minute, the earliest first. */
  readonly #minutes = new Map<number, Count[]>();
  /** The count that was raised last: most jobs end as the one before them. */
  #last: Count | undefined;

  since(since: number): MinuteCount[] {
    const kept = [...this.#minutes].filter(([minute]) => minute + MINUTE_MS > since);
    return kept.flatMap(([, counts]) => counts.map((count) => ({ ...count })));
  }

  /** Counts a run, if a change has ended it. */
  add(before: JobRow | undefined, row: JobRow, now: number): void {
    const status = countedAs(before, row);
    if (status === undefined) return;
    const minute = now - (now % MINUTE_MS);
    const count =
      this.#last !== undefined && isOf(this.#last, minute, status, row)
        ? this.#last
        : this.#countOf(minute, status, row, now);
    count.count += 1;
    count.durationMs += row.durationMs ?? 0;
    this.#last = count;
  }

  #countOf(minute: number, status: Count["status"], row: JobRow, now: number): Count {
    const counts = this.#countsOf(minute, now);
    const known = counts.find((one) => isOf(one, minute, status, row));
    if (known !== undefined) return known;
    const created = { minute, queue: row.queue, type: row.type, status, count: 0, durationMs: 0 };
    counts.push(created);
    return created;
  }

  #countsOf(minute: number, now: number): Count[] {
    let counts = this.#minutes.get(minute);
    if (counts !== undefined) return counts;
    counts = [];
    this.#minutes.set(minute, counts);
    for (const [old] of this.#minutes) if (now - old > MAX_MINUTES * MINUTE_MS) this.#minutes.delete(old);
    return counts;
  }
}

function isOf(count: Count, minute: number, status: Count["status"], { queue, type }: JobRow): boolean {
  return count.minute === minute && count.status === status && count.queue === queue && count.type === type;
}
