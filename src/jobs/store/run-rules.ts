import { cancellation, closedAs, isAhead, isHeld, isSettled } from "./cancel-rules.ts";
import type { AssumeChange, BuriedChange, EndAnswer, EndChange, PlainAnswer, TouchChange } from "./change.ts";
import { matchOf, nextGeneration } from "./identity.ts";
import { type JobRow, type JobStatus, MAX_ATTEMPTS_KEPT } from "./job-row.ts";
import {
  changed,
  endDispatch,
  isTombstone,
  messageOf,
  newRow,
  nextVersion,
  type RowDraft,
} from "./new-row.ts";
import { type DataChange, noted, type Transition, unchanged } from "./effect.ts";

/** A report from a run: only its own claim may write. */
export function touch(
  row: JobRow | undefined,
  { token, seq, leaseMs, progress, progressMessage, saved, steps, logs }: TouchChange,
  now: number,
): Transition<PlainAnswer> {
  if (row?.status !== "processing" || row.hold?.token !== token) return unchanged(row, { isFenced: true });
  const cancelRequested = row.cancelRequestedAt === undefined ? undefined : true;
  const { hold } = row;
  if (seq <= hold.seq) return noted(row, undefined, { cancelRequested });
  // A run that goes on holds its job by the new time, if the clock was set back.
  const wasAhead = leaseMs !== undefined && isAhead(row, now);
  const held = wasAhead ? 0 : hold.until;
  const until = leaseMs === undefined ? hold.until : Math.max(held, now + leaseMs);
  const next = { ...hold, until, seq };
  const isReport = progress !== undefined || saved !== undefined || steps !== undefined || logs !== undefined;
  const isSeen = isReport || wasAhead;
  if (!isSeen) return noted({ ...row, hold: next }, undefined, { cancelRequested });
  const reported = changed(row, now, {
    hold: next,
    progress: progress ?? row.progress,
    progressMessage: progress === undefined ? row.progressMessage : progressMessage,
    hasSaved: row.hasSaved || saved !== undefined || steps !== undefined,
  });
  return noted(reported, { saved, steps, logs }, { cancelRequested });
}

/** The end of a run, or of a message that was refused without one. */
export function end(row: JobRow | undefined, change: EndChange, now: number): Transition<EndAnswer> {
  const { token, outcome } = change;
  if (row === undefined || isTombstone(row)) return endUnknown(row, change, now);
  if (token !== undefined && row.hold?.token === token) return finish(row, change, now);
  if (token !== undefined && row.ended?.token === token) {
    // Given up, or closed as it seemed to be gone; nobody has taken the job over, and the run has completed all the same.
    const isLate = outcome === "completed" && row.status !== "completed" && row.status === row.ended.status;
    if (isLate && change.generation === row.generation) return finish(row, change, now);
    // Its claim was given back, since nobody knew whether it was granted, and its message is settled as completed.
    if (change.isUntracked && outcome === "completed" && row.status !== "completed")
      return endUnclaimed(row, change, now);
    return { row, answer: answerOf(outcome, row.ended.status) };
  }
  if (token !== undefined && !change.isUntracked) return overruledOrFenced(row, change);
  return endUnclaimed(row, change, now);
}

/** The end of a message that was refused before a claim, or that ran while the store could not be reached. */
function endUnclaimed(row: JobRow, change: EndChange, now: number): Transition<EndAnswer> {
  const { generation, outcome, isUntracked, attempt } = change;
  // A message that another tool has moved back, or whose job was retried meanwhile, does not state the generation of the row.
  const hasRun = isUntracked && outcome === "completed" && generation === row.redrives;
  if ((generation < row.generation && !hasRun) || change.seed === undefined)
    return overruledOrFenced(row, change);
  const job = change.seed();
  const isNewer = generation > row.generation;
  const match = matchOf(row, job, isNewer, now);
  if (match === "id_conflict" || match === "id_reused")
    return { row, answer: { do: "ended", verdict: "unknown" } };
  const base = isNewer ? nextGeneration(row, generation, job) : { ...row, stamp: row.stamp ?? job.stamp };
  const ran = isUntracked ? startedBefore(base, change, now) : base;
  // A completed run counts, also if another run holds the job.
  if (isUntracked && outcome === "completed" && row.status !== "completed") return finish(ran, change, now);
  const isOver = isNewer ? row.status === "completed" || row.status === "cancelled" : isSettled(row);
  const isFree = !isOver && !isHeld(row, now) && (isNewer || attempt >= row.runs);
  return isFree ? finish(ran, change, now) : overruledOrFenced(row, change);
}

/** The row with the start of a run that no claim has noted. */
function startedBefore(row: JobRow, { durationMs }: EndChange, now: number): JobRow {
  const startedAt = Math.max(0, now - durationMs);
  const waitMs = row.waitMs ?? Math.max(0, startedAt - (row.scheduledAt ?? row.createdAt));
  return { ...row, startedAt, waitMs };
}

/** There is no row: the store could not be reached when the job was sent and claimed, or the job is older than the records. */
function endUnknown(row: JobRow | undefined, change: EndChange, now: number): Transition<EndAnswer> {
  if (change.seed === undefined) return { row, answer: { do: "ended", verdict: "unknown" } };
  const job = change.seed();
  const { id, generation, attempt } = change;
  const fresh = newRow(id, job, now, {
    ...(row === undefined
      ? {}
      : { cancelRequestedAt: row.cancelRequestedAt, cancelReason: row.cancelReason }),
    version: row?.version ?? 0,
    generation,
    redrives: generation,
    runs: attempt,
  });
  const ended = finish(change.isUntracked ? startedBefore(fresh, change, now) : fresh, change, now);
  return { ...ended, data: { ...ended.data, ...messageOf(job) } };
}

function overruledOrFenced(row: JobRow, { token, isUntracked, outcome }: EndChange): Transition<EndAnswer> {
  const { status } = row;
  // A refusal, or a run that no claim protects, has nothing to withdraw. It may be repeated.
  if (token === undefined || isUntracked) return { row, answer: answerOf(outcome, status) };
  const isOver = status === "completed" || status === "cancelled";
  return { row, answer: { do: "ended", verdict: isOver ? "overruled" : "fenced", status } };
}

/** Writes the outcome, unless the job was cancelled meanwhile: then no failure of it counts. */
function finish(row: JobRow, change: EndChange, now: number): Transition<EndAnswer> {
  const { outcome, token, error, result, saved, steps, logs } = change;
  const data: DataChange = {
    result: outcome === "completed" ? (result ?? { value: undefined }) : undefined,
    saved,
    steps,
    logs,
  };
  const next = endedRun(row, change, now);
  if (outcome !== "completed" && row.cancelRequestedAt !== undefined) {
    Object.assign(next, cancellation(row, now));
    next.ended = endedBy(row, token, "cancelled");
    next.error = error;
    return { row: next, answer: answerOf(outcome, "cancelled"), data };
  }
  const status = statusAfter(outcome);
  conclude(next, row, change, now);
  next.status = status;
  next.hold = undefined;
  next.ended = endedBy(row, token, status);
  next.lapsed = 0;
  return { row: next, answer: answerOf(outcome, status), data };
}

/** The next version of a row, with the changes of every end. */
function endedRun(row: JobRow, change: EndChange, now: number): RowDraft {
  const { attempt, workerId, durationMs, progress, progressMessage, saved, steps } = change;
  const next = nextVersion(row, now);
  // A run that does not know of its claim has the number that the broker counts.
  next.runs = change.isUntracked && row.hold?.token === change.token ? Math.max(row.runs, attempt) : attempt;
  next.workerId = workerId;
  next.durationMs = durationMs;
  if (progress !== undefined) next.progress = progress;
  if (progressMessage !== undefined) next.progressMessage = progressMessage;
  if (saved !== undefined || steps !== undefined) next.hasSaved = true;
  endDispatch(next);
  return next;
}

/** The failed runs, with the one that has ended now. */
function attemptsOf(row: JobRow, change: EndChange, now: number): JobRow["attempts"] {
  const { error, attempt, workerId, durationMs } = change;
  if (error === undefined) return row.attempts;
  const startedAt = row.startedAt ?? Math.max(0, now - durationMs);
  return [...row.attempts, { attempt, workerId, startedAt, durationMs, error }].slice(-MAX_ATTEMPTS_KEPT);
}

/** Writes what is particular to an outcome. */
function conclude(next: RowDraft, row: JobRow, change: EndChange, now: number): void {
  const { outcome, inMs = 0, error, attempt } = change;
  next.nextAt = undefined;
  switch (outcome) {
    case "completed":
      next.finishedAt = now;
      next.error = undefined;
      next.deadLetterReason = undefined;
      next.progress = 100;
      next.resultOmitted = change.resultOmitted;
      next.isBuried = false;
      return;
    case "retrying":
      next.attempts = attemptsOf(next, change, now);
      next.error = error;
      next.nextAt = now + inMs;
      return;
    case "failed":
      next.attempts = attemptsOf(next, change, now);
      next.error = error;
      next.finishedAt = now;
      next.deadLetterReason = change.deadLetterReason ?? "max_attempts";
      next.isBuried = false;
      return;
    case "cancelled":
      next.error = error;
      next.finishedAt = now;
      return;
    // released: the run does not count. A run whose claim was not answered does not know its number.
    default: {
      const { token } = change;
      const counted = token !== undefined && row.hold?.token === token ? row.runs : attempt;
      next.runs = Math.max(0, counted - 1);
    }
  }
}

function endedBy(row: JobRow, token: string | undefined, status: JobStatus): JobRow["ended"] {
  return token === undefined ? closedAs(row, status) : { token, status };
}

function statusAfter(outcome: EndChange["outcome"]): JobStatus {
  return outcome === "released" ? "queued" : outcome;
}

function answerOf(outcome: EndChange["outcome"], status: JobStatus): EndAnswer {
  const verdict = statusAfter(outcome) === status ? "recorded" : "overruled";
  return { do: "ended", verdict, status };
}

/** The dead letter of a failed job is in the dead-letter queue. */
export function buried(
  row: JobRow | undefined,
  { generation }: BuriedChange,
  now: number,
): Transition<PlainAnswer> {
  if (row?.status !== "failed" || row.generation !== generation) return unchanged(row);
  return row.isBuried ? noted(row) : noted(changed(row, now, { isBuried: true }));
}

/** Closes a job whose message is gone. Only if nobody has changed the row since it was looked at. */
export function assume(
  row: JobRow | undefined,
  { outcome, reason, version, isBuried = false }: AssumeChange,
  now: number,
): Transition<PlainAnswer> {
  if (row === undefined) return unchanged(row);
  if (row.version === version + 1 && row.status === outcome) return noted(row);
  // A message that was not sent yet is not gone.
  const isOpen = !isSettled(row) && !isHeld(row, now) && row.dispatch === undefined;
  if (row.version !== version || !isOpen) return unchanged(row);
  return noted(
    changed(row, now, {
      status: outcome,
      finishedAt: now,
      hold: undefined,
      ended: closedAs(row, outcome),
      nextAt: undefined,
      error: outcome === "completed" ? undefined : { message: reason, code: outcome },
      deadLetterReason: outcome === "failed" ? reason : undefined,
      isBuried: outcome === "failed" && isBuried,
    }),
  );
}
