import { DriverError, type ErrorKind, QueueError } from "../../src/driver/index.ts";
import { isLocked } from "../../src/lib/sqlite/unlocked.ts";

/** The kinds of errors and what to do about them, by the primary result codes (https://sqlite.org/rescode.html, 2026-11). */
const KINDS: Readonly<Record<number, readonly [kind: ErrorKind, sentence: string]>> = {
  3: ["auth", "the file may not be used by this process. Change its permissions"],
  8: [
    "auth",
    "this process may not write the file. Change its owner or its permissions, and those of its folder",
  ],
  // An error of the disk may have come after the write.
  10: ["ambiguous", "the disk has failed. Look at its state"],
  11: ["permanent", "the file is damaged. Restore a copy"],
  13: ["full", "the disk is full. Free some space"],
  14: ["permanent", "the file, or one that SQLite keeps next to it, could not be opened. Look at the folder"],
  18: ["too_large", "the message is larger than SQLite can hold"],
  26: ["permanent", "it is no SQLite database. Give the path of another file"],
};
/** The names of the same codes in the errors of better-sqlite3. */
const NAMES: Readonly<Record<string, number>> = {
  SQLITE_PERM: 3,
  SQLITE_READONLY: 8,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_TOOBIG: 18,
  SQLITE_NOTADB: 26,
};

function codeOf(error: unknown): number | undefined {
  const { errcode, code } = (error ?? {}) as { readonly errcode?: unknown; readonly code?: unknown };
  // The upper bits are details.
  if (typeof errcode === "number") return errcode & 0xff;
  return NAMES[/^SQLITE_[A-Z]+/.exec(String(code))?.[0] ?? ""];
}

/** The kind of an error of the driver, or of SQLite. An operation that failed was rolled back, so it had no effect. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  if (isLocked(error)) return "transient";
  return KINDS[codeOf(error) ?? -1]?.[0] ?? "permanent";
}

/** The error of an operation on the file of the queues, as a sentence. */
export function fileError(path: string, cause: unknown): DriverError {
  if (cause instanceof DriverError) return cause;
  if (cause instanceof QueueError) return new DriverError("permanent", cause.message, { cause });
  const kind = classify(cause);
  const known = isLocked(cause)
    ? "another process has locked the file for too long. Look for a transaction that it does not end"
    : KINDS[codeOf(cause) ?? -1]?.[1];
  const sentence = known ?? (cause instanceof Error ? cause.message : String(cause));
  return new DriverError(kind, `The queues in ${path} failed: ${sentence}`, { cause });
}

/**
 * The error of a claim or a settlement. A full disk keeps them from being written as well, and they are tried again: only a
 * sender can do something about a queue that is full.
 */
export function receiveError(error: unknown): unknown {
  if (!(error instanceof DriverError) || error.kind !== "full") return error;
  return new DriverError("transient", error.message, { cause: error.cause });
}
