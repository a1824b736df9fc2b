import { sleep, systemClock } from "../clock.ts";

/** Milliseconds for which an operation waits in all until another process has released the lock of the file. */
const PATIENCE_MS = 5_000;
const FIRST_WAIT_MS = 2;
/** Short, since a process that writes all the time leaves only short gaps. */
const LONGEST_WAIT_MS = 5;

/** Primary result codes of SQLite: BUSY and LOCKED (https://sqlite.org/rescode.html, 2026-11). */
const LOCKED_CODES: ReadonlySet<number> = new Set([5, 6]);

/** Whether the operation failed only because another connection has locked the file. */
export function isLocked(error: unknown): boolean {
  const { errcode, code } = (error ?? {}) as { readonly errcode?: unknown; readonly code?: unknown };
  // The upper bits are details. Errors of better-sqlite3 have a name instead.
  if (typeof errcode === "number") return LOCKED_CODES.has(errcode & 0xff);
  return typeof code === "string" && /^SQLITE_(?:BUSY|LOCKED)/.test(code);
}

/**
 * Carries out an operation on a database, and repeats it on a timer while another process has locked the file. The event
 * loop goes on meanwhile: SQLite itself would wait inside of the call, and every lease and socket of this process with
 * it. The first attempt is made before this function returns.
 *
 * @throws the error of the last attempt, after `patienceMs`; any other error at once
 */
export async function onceUnlocked<Result>(
  operation: () => Result,
  patienceMs: number = PATIENCE_MS,
): Promise<Result> {
  const until = systemClock.monotonic() + patienceMs;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return operation();
    } catch (error) {
      if (!isLocked(error) || systemClock.monotonic() >= until) throw error;
    }
    // Random, so that processes that wait for one lock do not meet again.
    await sleep(systemClock, waitMs * (0.5 + Math.random()));
  }
}
