import { QueueError } from "../../../src/driver/index.ts";
import { isLocked } from "../../../src/lib/sqlite/unlocked.ts";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html, 2026-11). */
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

function codeOf(error: unknown): number | undefined {
  const { errcode } = (error ?? {}) as { readonly errcode?: unknown };
  // The upper bits are details.
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}

/** The error of a file that cannot be opened. */
export function cannotOpen(path: string, cause: unknown): QueueError {
  if (cause instanceof QueueError) return cause;
  if (isLocked(cause) || codeOf(cause) === FULL) return failed(path, cause);
  return new QueueError("config", `The job store ${path} could not be opened: ${openProblem(cause)}`, {
    cause,
  });
}

function openProblem(cause: unknown): string {
  switch (codeOf(cause)) {
    case READONLY:
      return "this process may not write it. Change its owner or its permissions, and those of its folder.";
    case CORRUPT:
    case NOTADB:
      return "it is no SQLite database, or it is damaged. Give the path of another file, or restore a copy.";
    default:
      return `${textOf(cause)}. Give a regular file that this process may write.`;
  }
}

/** Whether the content of the file is damaged. No later try helps. */
export function isDamage(cause: unknown): boolean {
  const code = codeOf(cause);
  return code === CORRUPT || code === NOTADB;
}

/** The error of an operation that has failed on an open file. It is worth another try, unless the file is damaged. */
export function failed(path: string, cause: unknown): QueueError {
  if (cause instanceof QueueError) return cause;
  return new QueueError("store_unavailable", `The job store ${path} failed: ${problem(cause)}`, {
    retryable: !isDamage(cause),
    cause,
  });
}

function problem(cause: unknown): string {
  if (isLocked(cause))
    return "another process has locked the file for too long. End its transaction, and try again.";
  switch (codeOf(cause)) {
    case FULL:
      return "the disk is full. Free some space, and try again.";
    case READONLY:
      return "this process may no longer write the file. Change its permissions, and try again.";
    case CORRUPT:
    case NOTADB:
      return "the file is damaged. Stop the processes that use it, restore a copy, and start them again.";
    case CANTOPEN:
      return "the file, or one that SQLite keeps next to it, could not be opened. Look at the folder and its permissions.";
    default:
      return `${textOf(cause)}.`;
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
