import type { FileHandle } from "node:fs/promises";
import { createFolder } from "../../lib/create-folder.ts";
import { recordOf } from "../job-record.ts";
import type { JobSnapshot } from "../job-snapshot.ts";
import type { Archive } from "../jobs-options.ts";

/** Characters of one member of the file, which is written at once. */
const MAX_MEMBER = 4_194_304;

/**
 * An archive of one file a day: `2026-11-29.ndjson.gz`, by the day on which the jobs ended, in UTC. Each line is the record
 * of a job in the JSON of the REST API. Every batch is one or more members of the gzip file, and on the disk before its jobs
 * are deleted. Several processes of one machine may use one folder. Some jobs may stand in the file twice, after a crash
 * or when two processes prune at once: their `id` and `attempt` tell.
 *
 * @example
 * const jobs = await createJobs(queue, { store, archive: ndjsonGz("archive") });
 */
export function ndjsonGz(folder: string): Archive {
  return async (jobs) => {
    const { open } = process.getBuiltinModule("node:fs/promises");
    const path = process.getBuiltinModule("node:path");
    createFolder(folder, 0o700);
    for (const [day, ended] of byDay(jobs)) {
      // Payloads may be secret: the file is for its owner alone.
      const file = await open(path.join(folder, `${day}.ndjson.gz`), "a+", 0o600);
      try {
        for (const lines of membersOf(ended)) await append(file, await zipped(lines));
      } finally {
        await file.close();
      }
    }
    await syncFolder(folder);
  };
}

/** Appends a member. Half of one would make all that follows it unreadable, so what is written of it is taken back. */
async function append(file: FileHandle, member: Uint8Array): Promise<void> {
  let written = 0;
  try {
    // In one write: another process that appends at the same time does not get in between.
    while (written < member.length)
      written += (await file.write(member, written, member.length - written)).bytesWritten;
    await file.datasync();
  } catch (error) {
    await takeBack(file, member.subarray(0, written));
    throw error;
  }
}

/** Removes bytes from the end of a file, unless another process has appended something after them. */
async function takeBack(file: FileHandle, bytes: Uint8Array): Promise<void> {
  const { size } = await file.stat();
  const from = size - bytes.length;
  const { buffer } = await file.read({ buffer: Buffer.alloc(bytes.length), position: from });
  if (buffer.equals(bytes)) await file.truncate(from);
}

/** Not at once: a large text takes a while. */
function zipped(text: string): Promise<Uint8Array> {
  const { gzip } = process.getBuiltinModule("node:zlib");
  return new Promise((resolve, reject) => {
    gzip(text, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
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

/**
 * The lines of jobs.
 * @yields texts of a size that a process can hold, whatever the payloads are
 */
function* membersOf(jobs: readonly JobSnapshot[]): Generator<string, void, undefined> {
  let text = "";
  for (const job of jobs) {
    text += `${JSON.stringify(recordOf(job, { attempts: true }))}\n`;
    if (text.length < MAX_MEMBER) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}
