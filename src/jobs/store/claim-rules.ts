import { defaults } from "../../defaults.ts";
import { cancelled, closedAs, isAhead, isHeld, isSettled } from "./cancel-rules.ts";
import type { ClaimAnswer, ClaimChange } from "./change.ts";
import { matchOf, nextGeneration } from "./identity.ts";
import type { JobRow } from "./job-row.ts";
import {
  changed,
  endDispatch,
  filled,
  isTombstone,
  messageOf,
  newRow,
  nextVersion,
  type RowDraft,
} from "./new-row.ts";
import type { Transition } from "./effect.ts";

/** A backoff counts as over this much early, since the broker's clock and the store's differ. */
const DUE_TOLERANCE_MS = 1_000;
/** Longest time after which a message that has to wait is looked at again. */
const MAX_LATER_MS = 60_000;

/** Decides whether a run may begin, and holds the job for it. */
export function claim(row: JobRow | undefined, change: ClaimChange, now: number): Transition<ClaimAnswer> {
  if (row === undefined) {
    const job = change.seed();
    const created = newRow(change.id, job, now, {
      generation: change.redrive,
      runs: change.attemptsBefore,
    });
    const running = begun(created, change, now);
    return { row: running, answer: runAnswer(running), data: messageOf(job) };
  }
  if (isTombstone(row)) {
    const job = change.seed();
    const known = filled(row, { ...job, stamp: change.stamp }, now);
    return {
      row: known,
      answer: { do: "cancelled", generation: row.generation },
      data: messageOf(job),
    };
  }
  if (row.hold?.token === change.token) return heldAlready(row, row.hold, change, now);
  // A claim that the network has held back until its run was over.
  if (row.ended?.token === change.token)
    return isSettled(row) ? claimKnown(row, change, now) : later(row, 1, "busy");
  // A message that was redriven since the run that failed is newer too, whatever the generation of that run.
  const isRedriven =
    change.redrive > row.generation || (row.status === "failed" && change.redrive > row.redrives);
  const match = matchOf(row, change, isRedriven, now);
  if (match === "id_conflict" || match === "id_reused") return { row, answer: { do: "foreign", why: match } };
  // Another tool has moved the dead letter back as it was, without counting a redrive.
  const isMovedBack = match === "same" && change.wasDeadLetter && row.status === "failed";
  return isRedriven || isMovedBack ? claimNewer(row, change, now) : claimKnown(row, change, now);
}

/** A redrive: the job runs again as a new generation, unless it is over for good. */
function claimNewer(row: JobRow, change: ClaimChange, now: number): Transition<ClaimAnswer> {
  if (row.status === "completed") return { row, answer: { do: "done", generation: row.generation } };
  if (row.status === "cancelled") return { row, answer: { do: "cancelled", generation: row.generation } };
  if (isHeld(row, now)) return busy(row, now);
  const generation = Math.max(change.redrive, row.generation + 1);
  return begin(nextGeneration(row, generation, change), change, now);
}

function claimKnown(row: JobRow, change: ClaimChange, now: number): Transition<ClaimAnswer> {
  const { generation } = row;
  switch (row.status) {
    case "completed":
      return { row, answer: { do: "done", generation } };
    case "cancelled":
      return { row, answer: { do: "cancelled", generation } };
    case "failed": {
      const { deadLetterReason: reason = "max_attempts", error } = row;
      // The dead letter that is known to be there is that of the last generation, and not that of an earlier copy.
      const isBuried = row.isBuried && change.redrive === row.redrives;
      return { row, answer: { do: "failed", generation, isBuried, reason, error } };
    }
    case "processing":
      return isHeld(row, now) ? busy(row, now) : takeOver(row, change, now);
    case "retrying": {
      const leftMs = isAhead(row, now) ? 0 : (row.nextAt ?? now) - now;
      return leftMs > DUE_TOLERANCE_MS ? later(row, leftMs, "backoff") : begin(row, change, now);
    }
    case "scheduled": {
      // Not the time of the dispatch, which moves on when a send fails, or seems to have failed.
      const leftMs = (row.scheduledAt ?? now) - now;
      return leftMs > DUE_TOLERANCE_MS ? later(row, leftMs, "scheduled") : begin(row, change, now);
    }
    case "lost":
      if (row.cancelRequestedAt === undefined) return begin(row, change, now);
      return { row: cancelled(row, now), answer: { do: "cancelled", generation } };
    // queued
    default:
      return begin(row, change, now);
  }
}

/** Takes over from a run whose hold has lapsed: its process was killed, or stands still. */
function takeOver(row: JobRow, change: ClaimChange, now: number): Transition<ClaimAnswer> {
  const { generation } = row;
  if (row.cancelRequestedAt !== undefined)
    return { row: cancelled(row, now), answer: { do: "cancelled", generation } };
  const lapsed = row.lapsed + 1;
  if (lapsed < row.maxAttempts + defaults.crashLoopMargin) return begin({ ...row, lapsed }, change, now);
  const error = {
    message: `started ${lapsed} times without an end: it may be what kills its worker`,
    code: "crash_loop",
  };
  const failed = changed(row, now, {
    status: "failed",
    redrives: change.redrive,
    lapsed,
    hold: undefined,
    ended: closedAs(row, "failed"),
    finishedAt: now,
    error,
    deadLetterReason: "crash_loop",
  });
  return { row: failed, answer: { do: "failed", generation, isBuried: false, reason: "crash_loop", error } };
}

/** The run begins. */
function begin(row: JobRow, change: ClaimChange, now: number): Transition<ClaimAnswer> {
  const running = begun(nextVersion(row, now), change, now);
  return { row: running, answer: runAnswer(running), needsSaved: row.hasSaved ? true : undefined };
}

/** Notes in a row that its run begins. Returns the row. */
function begun(row: RowDraft, change: ClaimChange, now: number): RowDraft {
  const { token, workerId, leaseMs, stamp, wasDeadLetter } = change;
  // A dead letter that another tool has moved back still states the attempts of the generation that failed.
  const attemptsOfCopy = wasDeadLetter ? 0 : change.attemptsOfCopy;
  if (row.startedAt === undefined) row.waitMs = Math.max(0, now - (row.scheduledAt ?? row.createdAt));
  row.status = "processing";
  row.stamp = stamp;
  row.redrives = change.redrive;
  row.runs = Math.max(row.runs, attemptsOfCopy) + 1;
  // Above every fence before, also if the row was pruned and created anew.
  row.fence = Math.max(row.fence + 1, now * 1_024);
  row.hold = { token, until: now + leaseMs, workerId, seq: 0 };
  row.workerId = workerId;
  row.startedAt = now;
  row.finishedAt = undefined;
  row.nextAt = undefined;
  endDispatch(row);
  return row;
}

/** The same claim again: its answer was lost. */
function heldAlready(
  row: JobRow,
  hold: NonNullable<JobRow["hold"]>,
  { leaseMs }: ClaimChange,
  now: number,
): Transition<ClaimAnswer> {
  // Cancelled between the claim and its repetition: no handler has been called.
  if (row.cancelRequestedAt !== undefined && hold.seq === 0)
    return { row: cancelled(row, now), answer: { do: "cancelled", generation: row.generation } };
  const until = Math.max(hold.until, now + leaseMs);
  const held = until === hold.until ? row : { ...row, hold: { ...hold, until } };
  return { row: held, answer: runAnswer(row), needsSaved: row.hasSaved ? true : undefined };
}

function runAnswer(row: JobRow): ClaimAnswer {
  const { fence, generation, runs: attempt, tenant, priority, progress } = row;
  return { do: "run", fence, generation, attempt, tenant, priority, progress };
}

function busy(row: JobRow, now: number): Transition<ClaimAnswer> {
  return later(row, (row.hold?.until ?? now) - now, "busy");
}

function later(row: JobRow, ms: number, why: "busy" | "backoff" | "scheduled"): Transition<ClaimAnswer> {
  return { row, answer: { do: "later", inMs: why === "busy" ? Math.min(ms, MAX_LATER_MS) : ms, why } };
}
