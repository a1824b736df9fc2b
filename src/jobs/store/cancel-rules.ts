import type { CancelChange, PlainAnswer } from "./change.ts";
import { isFinal, type JobRow, type JobStatus } from "./job-row.ts";
import { changed, newRow } from "./new-row.ts";
import { noted, type Transition, unchanged } from "./effect.ts";

/** Processes of one store may read its clock so far apart. */
const CLOCK_TOLERANCE_MS = 60_000;

/**
 * Whether the row was written by a clock that was set back since. Its times lie in the future then, by a day or more, and
 * nothing is to wait for them.
 */
export function isAhead(row: JobRow, now: number): boolean {
  return row.updatedAt > now + CLOCK_TOLERANCE_MS;
}

/** Whether a run holds the job now. Once its hold has lapsed, another run may take the job over. */
export function isHeld(row: JobRow, now: number): boolean {
  return row.status === "processing" && row.hold !== undefined && row.hold.until > now && !isAhead(row, now);
}

/** Whether the end of a job is known. That of a lost job is not. */
export function isSettled({ status }: JobRow): boolean {
  return isFinal(status) && status !== "lost";
}

/** Cancels a job that does not run, and asks the run of one that does to end. */
export function cancel(
  row: JobRow | undefined,
  { id, reason, onlyKnown = false }: CancelChange,
  now: number,
): Transition<PlainAnswer> {
  if (row === undefined) {
    if (onlyKnown) return unchanged(row);
    // Kept, so that the claim of a message whose record is late, or was never written, finds it.
    const facts = { type: "", queue: "", maxAttempts: 1, createdAt: now, message: { payload: null } };
    const tombstone = newRow(id, facts, now, {
      status: "cancelled",
      finishedAt: now,
      cancelRequestedAt: now,
      cancelReason: reason,
      hasMessage: false,
    });
    return noted(tombstone);
  }
  if (isFinal(row.status)) return unchanged(row, { ok: row.status === "cancelled" });
  if (isHeld(row, now)) {
    if (row.cancelRequestedAt !== undefined) return noted(row, undefined, { cancelRequested: true });
    const asked = changed(row, now, { cancelRequestedAt: now, cancelReason: reason });
    return noted(asked, undefined, { cancelRequested: true });
  }
  return noted(
    cancelled(row, now, {
      cancelRequestedAt: row.cancelRequestedAt ?? now,
      cancelReason: row.cancelReason ?? reason,
    }),
  );
}

/** The row of a job that is cancelled now. */
export function cancelled(row: JobRow, now: number, changes: Partial<JobRow> = {}): JobRow {
  return changed(row, now, { ...cancellation(row, now), ...changes });
}

/** The changes of a row whose job is cancelled. */
export function cancellation(row: JobRow, now: number): Partial<JobRow> {
  return {
    status: "cancelled",
    finishedAt: now,
    hold: undefined,
    nextAt: undefined,
    dispatch: undefined,
    ended: closedAs(row, "cancelled"),
  };
}

/**
 * The end of the run that held a job, if somebody else closes the job: a run that only seemed to be gone is known by it
 * when it ends.
 */
export function closedAs({ hold, ended }: JobRow, status: JobStatus): JobRow["ended"] {
  return hold === undefined ? ended : { token: hold.token, status };
}
