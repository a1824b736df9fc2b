import { sleep, systemClock } from "../../../src/driver/index.ts";
import {
  isFinal,
  keptMs,
  MIN_KEPT_MS,
  type PruneOutcome,
  type PrunePolicy,
  type StoredJob,
} from "../../../src/jobs/store/index.ts";
import { SHELF, SHELVES } from "../../sql/job-store/row-codec.ts";
import { allParts } from "./data-codec.ts";
import type { RowAnswer, RowRequest, WriteRows } from "./row-writer.ts";
import { LAST_OF_OLDEST, OLDEST } from "./scripts.ts";
import type { Space } from "./space.ts";
import { decodeStored, type Stored } from "./stored-row.ts";
import { comparePlaces } from "./walk.ts";

/** Jobs that are deleted in one script, which takes about a millisecond. */
const STEP = 50;
/** Jobs whose data is read in one script. */
const MAX_READ = 50;
/** Milliseconds after which no further step begins. A caller has a time limit. */
const LONGEST_MS = 5_000;

/** The jobs that a policy does not keep, the one that ended first at the front. */
export async function prunable(space: Space, policy: PrunePolicy, limit: number): Promise<Stored[]> {
  const now = space.now();
  const aged = await oldest(
    space,
    SHELVES.map(({ status }) => now - keptMs(status, policy)),
    limit,
  );
  const doomed = [...aged.jobs];
  const beyond = aged.finished - policy.maxFinished;
  if (beyond > 0) {
    const ends = SHELVES.map(() => now - MIN_KEPT_MS);
    const { jobs } = await oldest(space, ends, Math.min(limit, beyond));
    doomed.push(...jobs.toSorted(byEnd).slice(0, beyond));
  }
  const byId = new Map(doomed.map((stored) => [stored.row.id, stored]));
  return [...byId.values()].toSorted(byEnd).slice(0, limit);
}

/** The jobs of {@link prunable} with all of their data. */
export async function prunableJobs(
  space: Space,
  policy: PrunePolicy,
  limit: number,
  write: WriteRows,
): Promise<StoredJob[]> {
  const doomed = await prunable(space, policy, limit);
  const jobs: StoredJob[] = [];
  for (let from = 0; from < doomed.length; from += MAX_READ) {
    const some = doomed.slice(from, from + MAX_READ);
    const read = await write(
      some.map(({ row, parts }) => ({ id: row.id, basis: undefined, wanted: allParts(parts), now: 0 })),
    );
    for (const { stored, data } of read) if (stored !== undefined) jobs.push({ row: stored.row, ...data });
  }
  return jobs;
}

/** Deletes what a policy does not keep, in steps with pauses, so that jobs go on beside it. */
export async function prune(
  space: Space,
  policy: PrunePolicy,
  { limit, ids, isOver }: { limit: number; ids?: readonly string[] | undefined; isOver: () => boolean },
  write: WriteRows,
): Promise<PruneOutcome> {
  const endsAt = performance.now() + LONGEST_MS;
  let [deleted, stripped] = [0, 0];
  const paced = async (step: (most: number) => Promise<number>, done: number): Promise<[number, boolean]> => {
    let count = done;
    while (count < limit) {
      if (performance.now() >= endsAt || isOver()) return [count, true];
      const startedAt = performance.now();
      const made = await step(Math.min(STEP, limit - count));
      if (made < 0) return [count, false];
      count += made;
      await sleep(systemClock, performance.now() - startedAt);
    }
    return [count, true];
  };
  let rest = ids;
  const doomed = async (most: number): Promise<readonly Stored[]> => {
    if (rest === undefined) return prunable(space, policy, most);
    const all = await prunableOf(space, policy, rest, write);
    rest = all.map(({ row }) => row.id);
    return all.slice(0, most);
  };
  let isMore: boolean;
  [deleted, isMore] = await paced(async (most) => {
    const found = await doomed(most);
    if (found.length === 0) return -1;
    const now = space.now();
    return countDone(await write(found.map((basis) => ({ id: basis.row.id, basis, next: null, now }))));
  }, 0);
  isMore &&= (await doomed(1)).length > 0;
  let areMore: boolean;
  [stripped, areMore] = await paced(async (most) => {
    const found = await strippable(space, policy, most);
    if (found.length === 0) return -1;
    const now = space.now();
    return countDone(await write(found.map((basis) => stripRequest(space, basis, now))));
  }, 0);
  return { deleted, stripped, hasMore: isMore || areMore };
}

/** Removes the data of a job. It is no change of the job, and is not reported. */
function stripRequest(space: Space, basis: Stored, now: number): RowRequest {
  const row = { ...basis.row, hasMessage: false, hasSaved: false };
  const values = allParts(basis.parts).map((part) => [part, null] as const);
  const next = { tag: space.newTag(), parts: 0, row };
  return { id: row.id, basis, next, data: { values, parts: 0 }, now };
}

async function strippable(space: Space, { dataMs }: PrunePolicy, limit: number): Promise<readonly Stored[]> {
  const ends = SHELVES.map(({ shelf }) => (shelf === SHELF.withData ? space.now() - dataMs : 0));
  const { jobs } = await oldest(space, ends, limit);
  return jobs;
}

/** The jobs of a list that are to be deleted, the one that ended first at the front. */
async function prunableOf(
  space: Space,
  policy: PrunePolicy,
  ids: readonly string[],
  write: WriteRows,
): Promise<Stored[]> {
  const now = space.now();
  const { finished } = await oldest(space, [0, 0, 0, 0], 0);
  const beyond = finished - policy.maxFinished;
  const last = beyond > 0 ? await lastOfOldest(space, beyond) : undefined;
  const found: Stored[] = [];
  for (let from = 0; from < ids.length; from += MAX_READ) {
    const some = [...new Set(ids)].slice(from, from + MAX_READ);
    const read = await write(some.map((id) => ({ id, basis: undefined, now })));
    found.push(...read.flatMap(({ stored }) => stored ?? []));
  }
  const isPrunable = (stored: Stored): boolean => {
    const { finishedAt, status } = stored.row;
    if (finishedAt === undefined || !isFinal(status)) return false;
    const ageMs = now - finishedAt;
    if (ageMs > keptMs(status, policy)) return true;
    return last !== undefined && ageMs > MIN_KEPT_MS && comparePlaces(endOf(stored), last) <= 0;
  };
  return found.filter(isPrunable).toSorted(byEnd);
}

/** A finished job in the order of the ends. */
type End = Parameters<typeof comparePlaces>[0];

async function lastOfOldest(space: Space, number: number): Promise<End | undefined> {
  const shelves = SHELVES.map(({ shelf }) => space.keys.shelf(shelf));
  const [end, id] = await space.run(LAST_OF_OLDEST, shelves, [String(number)]);
  return typeof id === "string" ? { createdAt: Number(end), id } : undefined;
}

/** The oldest jobs of each shelf that ended before a time, and the number of all finished jobs. */
async function oldest(
  space: Space,
  ends: readonly number[],
  limit: number,
): Promise<{ readonly finished: number; readonly jobs: readonly Stored[] }> {
  const keys = [space.keys.rows, ...SHELVES.map(({ shelf }) => space.keys.shelf(shelf))];
  const values = ends.flatMap((end) => [String(end), String(end > 0 ? limit : 0)]);
  const [sizes, shelves] = (await space.run(OLDEST, keys, values)) as [
    number[],
    [string[], (string | null)[]][],
  ];
  const jobs = shelves.flatMap(([found, rows]) =>
    rows.flatMap((value, index) => (value === null ? [] : [decodeStored(found[2 * index] as string, value)])),
  );
  return { finished: sizes.reduce((sum, size) => sum + size, 0), jobs };
}

function countDone(answers: readonly RowAnswer[]): number {
  return answers.filter(({ isDone }) => isDone).length;
}

function endOf({ row }: Stored): End {
  return { createdAt: row.finishedAt ?? 0, id: row.id };
}

function byEnd(one: Stored, other: Stored): number {
  return comparePlaces(endOf(one), endOf(other));
}
