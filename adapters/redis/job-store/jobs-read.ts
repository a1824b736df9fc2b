import type { JobPart, StoredJob } from "../../../src/jobs/store/index.ts";
import { partsOf } from "./data-codec.ts";
import type { WriteRows } from "./row-writer.ts";
import type { Space } from "./space.ts";

/** Jobs that are read in one script, since payloads may be large. */
const MAX_READ = 100;

/** Reads jobs by their ids, in that order. The parts of a job are of the same moment. */
export async function readJobs(
  space: Space,
  ids: readonly string[],
  parts: readonly JobPart[],
  write: WriteRows,
): Promise<(StoredJob | undefined)[]> {
  const wanted = partsOf(parts);
  const now = space.now();
  const jobs: (StoredJob | undefined)[] = [];
  for (let from = 0; from < ids.length; from += MAX_READ) {
    const some = ids.slice(from, from + MAX_READ);
    const read = await write(some.map((id) => ({ id, basis: undefined, wanted, now })));
    for (const { stored, data } of read) jobs.push(stored && { row: stored.row, ...data });
  }
  return jobs;
}
