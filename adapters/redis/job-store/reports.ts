import {
  type ChangePage,
  isFinal,
  type JobCount,
  type MinuteCount,
  WORKER_GONE_MS,
  type WorkerRow,
} from "../../../src/jobs/store/index.ts";
import { MINUTE_MS, minuteOf, minutesAfter, seqOfCursor, summedCounts } from "../../sql/job-store/reports.ts";
import type { JobFacet } from "./keys.ts";
import { ALL_FIELDS, BEAT, CHANGED, LAST_CHANGE, SIZES } from "./scripts.ts";
import type { Space } from "./space.ts";
import { decodeStored } from "./stored-row.ts";

/** Minutes that are read in one script. */
const MAX_MINUTES_READ = 500;

/** The number of unfinished jobs. */
export async function countsOf(space: Space): Promise<JobCount[]> {
  const counts = await sizesOf(space, ({ status }) => !isFinal(status));
  return summedCounts(counts.map(({ facet, count }) => ({ ...facet, count })));
}

/** A facet with the number of its jobs. */
export interface CountedFacet {
  readonly facet: JobFacet;
  readonly count: number;
}

/** The facets that have jobs, with their numbers of the same moment. */
export function sizesOf(space: Space, isWanted: (facet: JobFacet) => boolean): Promise<CountedFacet[]> {
  return space.ofFacets(async (all) => {
    const facets = all.filter(isWanted);
    const keys = [space.keys.facets, ...facets.map((facet) => space.keys.facet(facet))];
    const [[number = 0, ...sizes]] = (await space.run(SIZES, keys)) as [number[]];
    const counted = facets.map((facet, index) => ({ facet, count: sizes[index] ?? 0 }));
    return [number, counted.filter(({ count }) => count > 0)] as const;
  });
}

/** The jobs that ended since a time, by the minute. */
export async function minutesOf(space: Space, since: number): Promise<MinuteCount[]> {
  const now = space.now();
  const minutes: number[] = [];
  const first = minuteOf(minutesAfter(since, now)) + MINUTE_MS;
  for (let minute = first; minute <= now; minute += MINUTE_MS) minutes.push(minute);
  const found: MinuteCount[] = [];
  for (let from = 0; from < minutes.length; from += MAX_MINUTES_READ) {
    const some = minutes.slice(from, from + MAX_MINUTES_READ);
    const [hashes] = await space.run(
      ALL_FIELDS,
      some.map((minute) => space.keys.minute(minute)),
    );
    for (const [index, fields] of (hashes as string[][]).entries())
      found.push(...decodeMinute(some[index] as number, fields));
  }
  return found;
}

/** @param fields pairs of a name and a number: `n` and what was counted, `d` and the same for the durations */
function decodeMinute(minute: number, fields: readonly string[]): MinuteCount[] {
  const values = new Map<string, number>();
  for (let at = 0; at < fields.length; at += 2) values.set(fields[at] as string, Number(fields[at + 1]));
  return [...values].flatMap(([name, count]) => {
    if (!name.startsWith("n")) return [];
    const [queue, type, status] = JSON.parse(name.slice(1)) as [string, string, MinuteCount["status"]];
    return [{ minute, queue, type, status, count, durationMs: values.get(`d${name.slice(1)}`) ?? 0 }];
  });
}

/** The jobs that have changed since a cursor. */
export async function changedSince(
  space: Space,
  cursor: string | undefined,
  limit: number,
): Promise<ChangePage> {
  const { keys } = space;
  if (cursor === undefined) return { rows: [], cursor: await lastChange(space), hasMore: false };
  // A cursor of digits only goes into the script. Whether there was such a change is known with the answer.
  const after = seqOfCursor(cursor, Number.POSITIVE_INFINITY);
  const [last, found, values] = (await space.run(
    CHANGED,
    [keys.info, keys.rows, keys.changes],
    [String(after), String(limit + 1)],
  )) as [string, string[], (string | null)[]];
  seqOfCursor(cursor, Number(last));
  const hasMore = values.length > limit;
  const rows = values.slice(0, limit).flatMap((value, index) => {
    return value === null ? [] : [decodeStored(found[2 * index] as string, value).row];
  });
  return { rows, cursor: hasMore ? String(Number(found[2 * limit - 1])) : last, hasMore };
}

/** The number of the last change. */
export async function lastChange(space: Space): Promise<string> {
  const [last] = await space.run(LAST_CHANGE, [space.keys.info]);
  space.lastSeq = Number(last);
  return String(last);
}

/** Writes the row of a worker, and deletes those of workers that are gone. */
export async function beat(space: Space, worker: WorkerRow): Promise<void> {
  const now = space.now();
  const row = JSON.stringify({ ...worker, seenAt: now });
  await space.run(BEAT, [space.keys.workers], [worker.id, `${now} ${row}`, String(now - WORKER_GONE_MS)]);
}

/** The workers that were seen lately, the one that began first at the front. */
export async function liveWorkers(space: Space): Promise<WorkerRow[]> {
  const [hashes] = await space.run(ALL_FIELDS, [space.keys.workers]);
  const [fields = []] = hashes as string[][];
  return fields
    .flatMap((text, at) => (at % 2 === 0 ? [] : [JSON.parse(text.slice(text.indexOf(" ") + 1)) as WorkerRow]))
    .filter(({ seenAt }) => seenAt >= space.now() - WORKER_GONE_MS)
    .toSorted((one, other) => one.startedAt - other.startedAt || (one.id < other.id ? -1 : 1));
}
