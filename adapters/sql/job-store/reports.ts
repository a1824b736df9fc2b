import { QueueError } from "../../../src/driver/index.ts";
import { isFinal, type JobCount, type MinuteCount } from "../../../src/jobs/store/index.ts";

export const MINUTE_MS = 60_000;
/** Minutes of which the ended jobs are counted: those of a day. */
export const MAX_MINUTES = 1_440;

/** The start of the minute of a time. */
export function minuteOf(time: number): number {
  return Math.floor(time / MINUTE_MS) * MINUTE_MS;
}

/** The end of the last minute that is not among those since a time. */
export function minutesAfter(since: number, now: number): number {
  return Math.max(since - MINUTE_MS, now - MAX_MINUTES * MINUTE_MS - 1);
}

/** Counts of jobs by more attributes than a report has, added up. Finished jobs are left out. */
export function summedCounts(all: readonly JobCount[]): JobCount[] {
  const counts = new Map<string, JobCount>();
  for (const { queue, type, status, count } of all) {
    if (isFinal(status)) continue;
    const key = JSON.stringify([queue, type, status]);
    counts.set(key, { queue, type, status, count: count + (counts.get(key)?.count ?? 0) });
  }
  return [...counts.values()];
}

/** Counts of minutes by more attributes than a report has, added up. */
export function summedMinutes(all: readonly MinuteCount[]): MinuteCount[] {
  const minutes = new Map<string, MinuteCount>();
  for (const { minute, queue, type, status, count, durationMs } of all) {
    const key = JSON.stringify([minute, queue, type, status]);
    const sum = minutes.get(key);
    minutes.set(key, {
      minute,
      queue,
      type,
      status,
      count: count + (sum?.count ?? 0),
      durationMs: durationMs + (sum?.durationMs ?? 0),
    });
  }
  return [...minutes.values()];
}

/**
 * The number of a change that a cursor names.
 *
 * @param lastSeq the number of the last change
 * @throws QueueError `invalid_options` for a text that is no cursor, and for a change that was never made
 */
export function seqOfCursor(cursor: string, lastSeq: number): number {
  if (!/^\d{1,15}$/.test(cursor))
    throw new QueueError("invalid_options", "The cursor is not one that this job store has given.");
  // Otherwise a reader would see nothing until as many changes were made again.
  if (Number(cursor) > lastSeq)
    throw new QueueError(
      "invalid_options",
      "The cursor is later than the last change: the job store was replaced, or restored from a copy.",
    );
  return Number(cursor);
}
