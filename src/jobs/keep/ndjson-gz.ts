import type { FileHandle } from "node:fs/promises";
import type { Archive } from "../jobs.ts";
import { recordOf } from "../job-record.ts";
import type { JobSnapshot } from "../job-snapshot.ts";

/**
 * An archive of one file a day: `2026-11-29.ndjson.gz`, by the day on which the jobs ended, in UTC. Each line is the record
 * of a job in the JSON of the REST API. Every batch is a member of the gzip file of its own, and on the disk before its jobs
 * are deleted. After a crash, some jobs may stand in the file twice: their `id` and `attempt` tell.
 *
 * @example
 * const jobs = await createJobs(queue, { store, archive: ndjsonGz("archive") });
 */
export function ndjsonGz(folder: string): Archive {
  return async (jobs) => {
    const { mkdir, open } = process.getBuiltinModule("node:fs/promises");
    const path = process.getBuiltinModule("node:path");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [day, members] of byDay(jobs)) {
      // Payloads may be secret: the file is for its owner alone.
      const file = await open(path.join(folder, `${day}.ndjson.gz`), "a", 0o600);
      await appendTo(file, linesOf(members));
    }
    await syncFolder(folder);
  };
}

/** Ends with an error, and with the file as it was before, if the text could not be written as a whole. */
async function appendTo(file: FileHandle, lines: string): Promise<void> {
  const { gzipSync } = process.getBuiltinModule("node:zlib");
  try {
    const { size } = await file.stat();
    try {
      await file.appendFile(gzipSync(lines));
      await file.datasync();
    } catch (error) {
      // Half of a member would make all that follows it unreadable.
      await file.truncate(size);
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** A new file is safe from a crash of the machine once its name is on the disk as well. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const { open } = process.getBuiltinModule("node:fs/promises");
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function byDay(jobs: readonly JobSnapshot[]): Map<string, JobSnapshot[]> {
  const days = new Map<string, JobSnapshot[]>();
  for (const job of jobs) {
    const day = (job.finishedAt ?? job.updatedAt).toISOString().slice(0, 10);
    const members = days.get(day);
    if (members === undefined) days.set(day, [job]);
    else members.push(job);
  }
  return days;
}

function linesOf(jobs: readonly JobSnapshot[]): string {
  return jobs.map((job) => `${JSON.stringify(recordOf(job, { attempts: true }))}\n`).join("");
}
