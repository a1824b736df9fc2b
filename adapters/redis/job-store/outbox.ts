import { type DueJob, MAX_AHEAD_MS, taken, type TakeOptions } from "../../../src/jobs/store/index.ts";
import type { JobFacet } from "./keys.ts";
import type { RowRequest, WriteRows } from "./row-writer.ts";
import { FIRST_DUE, RESERVE_DUE } from "./scripts.ts";
import type { Space } from "./space.ts";

/**
 * Milliseconds for which a job that was found is found by no other process. If this one dies before it has taken the job,
 * another finds it then.
 */
const RESERVED_MS = 5_000;
/** Jobs that are read and taken in one script, since messages may be large. */
const MAX_TAKEN = 50;

/** Takes jobs that are due, the one that is due first at the front. */
export async function takeDue(
  space: Space,
  { queues, except = [], limit, takenMs }: TakeOptions,
  write: WriteRows,
): Promise<DueJob[]> {
  const due: DueJob[] = [];
  while (due.length < limit) {
    const ids = await reserve(space, queues, except, Math.min(MAX_TAKEN, limit - due.length));
    if (ids.length === 0) break;
    due.push(...(await takeEach(space, ids, takenMs, write)));
  }
  return due;
}

/** When the next job will be due. */
export async function nextDueAt(
  space: Space,
  queues: readonly string[] | undefined,
): Promise<number | undefined> {
  const first = await space.ofFacets(async (facets) => {
    const keys = dueKeys(space, facets, queues, []);
    const [number, at] = await space.run(FIRST_DUE, [space.keys.facets, ...keys]);
    return [Number(number), at] as const;
  });
  return first === null ? undefined : Number(first);
}

function reserve(
  space: Space,
  queues: readonly string[] | undefined,
  except: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  return space.ofFacets(async (facets) => {
    const keys = dueKeys(space, facets, queues, except);
    const now = space.now();
    const values = [now, limit, now + RESERVED_MS, now + MAX_AHEAD_MS].map(String);
    const [number, ids] = await space.run(RESERVE_DUE, [space.keys.facets, ...keys], values);
    return [Number(number), ids as string[]] as const;
  });
}

/** Writes that jobs are taken. One that was changed meanwhile is left out. */
async function takeEach(
  space: Space,
  ids: readonly string[],
  takenMs: number,
  write: WriteRows,
): Promise<DueJob[]> {
  const now = space.now();
  const found = await write(ids.map((id) => ({ id, basis: undefined, wanted: ["message"] as const, now })));
  const due: DueJob[] = [];
  const requests: RowRequest[] = [];
  for (const { stored, data } of found) {
    const row = stored && taken(stored.row, now, takenMs);
    if (row === undefined || data.message === undefined) continue;
    due.push({ row, message: data.message });
    requests.push({ id: row.id, basis: stored, next: { ...stored, tag: space.newTag(), row } as never, now });
  }
  if (requests.length === 0) return [];
  const taking = await write(requests);
  return due.filter((_, index) => taking[index]?.isDone);
}

/** The sets of jobs of some queues: two of each, as the script expects them. */
function dueKeys(
  { keys }: Space,
  facets: readonly JobFacet[],
  queues: readonly string[] | undefined,
  except: readonly string[],
): string[] {
  const all = new Set(facets.map(({ queue }) => queue));
  const wanted = [...all].filter((queue) => queues?.includes(queue) !== false && !except.includes(queue));
  return wanted.flatMap((queue) => [keys.due(queue, true), keys.due(queue, false)]);
}
