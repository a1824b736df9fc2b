import type {
  BirthAnswer,
  BirthChange,
  DispatchedChange,
  InsertChange,
  PlainAnswer,
  PromoteChange,
  ReopenChange,
  UndispatchedChange,
} from "./change.ts";
import { matchOf } from "./identity.ts";
import { isFinal, type JobRow } from "./job-row.ts";
import {
  changed,
  filled,
  isMessageKnown,
  isTombstone,
  messageOf,
  newRow,
  tagsOf,
  withoutDispatch,
} from "./new-row.ts";
import { noted, type Transition, unchanged } from "./effect.ts";

/**
 * Age from which an insert without a row is refused: the job may have run, ended and been pruned since. No record is
 * pruned within an hour of its end.
 */
const MAX_INSERT_AGE_MS = 1_800_000;

/** The reason of a job whose message the queue refuses for good. */
const UNDISPATCHABLE = "undispatchable";

/** Records a message that was sent. The claim of a worker may have come first. */
export function insert(
  row: JobRow | undefined,
  { id, job }: InsertChange,
  now: number,
): Transition<PlainAnswer> {
  const data = messageOf(job);
  if (row === undefined) {
    if (now - job.createdAt > MAX_INSERT_AGE_MS) return unchanged(row);
    return noted(newRow(id, job, now), data);
  }
  if (isTombstone(row)) return noted(filled(row, job, now), data);
  if (matchOf(row, job, false, now) !== "same") return unchanged(row);
  const { tenant = job.tenant, hash = job.hash, stamp = job.stamp, traceId = job.traceId } = row;
  const tags =
    row.tags.length > 0 || job.tags === undefined || job.tags.length === 0 ? row.tags : tagsOf(job);
  const isKnown =
    row.tenant === tenant &&
    row.hash === hash &&
    row.stamp === stamp &&
    row.traceId === traceId &&
    row.tags === tags;
  const isFilled = row.hasMessage || !isMessageKnown(job);
  if (isKnown && isFilled) return noted(row);
  const hasMessage = row.hasMessage || isMessageKnown(job);
  return noted(
    changed(row, now, { tenant, hash, stamp, traceId, tags, hasMessage }),
    isFilled ? undefined : data,
  );
}

/** Creates a job whose message is not sent yet, or finds the one with this id. */
export function birth(
  row: JobRow | undefined,
  { id, job, token, dueInMs, takenMs }: BirthChange,
  now: number,
): Transition<BirthAnswer> {
  if (row === undefined) {
    const isDue = dueInMs <= 0;
    const created = newRow(id, job, now, {
      status: isDue ? "queued" : "scheduled",
      scheduledAt: isDue ? job.scheduledAt : dueTime(job.scheduledAt, now + dueInMs),
      isStoreBorn: true,
      birthToken: token,
      dispatch: isDue ? dueNow(now, takenMs) : { dueAt: now + dueInMs, takenUntil: 0, failures: 0 },
    });
    return {
      row: created,
      answer: { do: "born", outcome: "created", row: created },
      data: messageOf(job),
    };
  }
  if (row.birthToken === token) return { row, answer: { do: "born", outcome: "created", row } };
  if (isTombstone(row)) {
    const known = filled(row, job, now);
    return {
      row: known,
      answer: { do: "born", outcome: "existing", row: known },
      data: messageOf(job),
    };
  }
  const isSame = row.type === job.type && row.queue === job.queue && (row.hash ?? job.hash) === job.hash;
  return { row, answer: { do: "born", outcome: isSame ? "existing" : "conflict", row } };
}

/** Difference between the clocks of a sender and of the store up to which a job is due when its sender says. */
const CLOCK_TOLERANCE_MS = 1_000;

/** When a job is due: the time that was asked for, unless the clock of its sender is wrong. */
function dueTime(asked: number | undefined, dueAt: number): number {
  return asked !== undefined && Math.abs(asked - dueAt) < CLOCK_TOLERANCE_MS ? asked : dueAt;
}

/** A dispatch that is due, and that its creator has taken unless `takenMs` is 0. */
function dueNow(now: number, takenMs: number, failures = 0): NonNullable<JobRow["dispatch"]> {
  return { dueAt: now, takenUntil: takenMs > 0 ? now + takenMs : 0, failures };
}

/**
 * Milliseconds after which the dispatch of a queued job is due at the latest: it is taken, or put off after a failed send,
 * for less than that. A time beyond was written by a clock that was set back since.
 */
export const MAX_AHEAD_MS = 120_000;

/** The row as taken by one process that will send its message; undefined if there is nothing to take. */
export function taken(row: JobRow, now: number, takenMs: number): JobRow | undefined {
  const { dispatch, status } = row;
  if (dispatch === undefined) return undefined;
  const at = Math.max(dispatch.dueAt, dispatch.takenUntil);
  const isAhead = status === "queued" && at > now + MAX_AHEAD_MS;
  if (at > now && !isAhead) return undefined;
  // No new version: nothing that anybody sees has changed.
  return {
    ...row,
    dispatch: { ...dispatch, dueAt: Math.min(dispatch.dueAt, now), takenUntil: now + takenMs },
  };
}

/** The message was sent. It may have been received, claimed and handled before this is recorded. */
export function dispatched(
  row: JobRow | undefined,
  { dispatch }: DispatchedChange,
  now: number,
): Transition<PlainAnswer> {
  if (row?.dispatch === undefined || row.dispatches !== dispatch)
    return unchanged(row, { ok: row !== undefined && row.dispatches > dispatch });
  const status = row.status === "scheduled" ? "queued" : row.status;
  return noted(changed(row, now, { status, ...withoutDispatch(row) }));
}

/** The message could not be sent: now, or ever. */
export function undispatched(
  row: JobRow | undefined,
  { dispatch, failures, inMs, error }: UndispatchedChange,
  now: number,
): Transition<PlainAnswer> {
  if (row?.dispatch === undefined || row.dispatches !== dispatch) {
    const isRepeated = inMs === undefined && row?.deadLetterReason === UNDISPATCHABLE;
    return unchanged(row, { ok: isRepeated && row.dispatches === dispatch + 1 });
  }
  // Another process may have taken the dispatch since: it is that one's to give back.
  if (row.dispatch.failures !== failures) return unchanged(row, { ok: row.dispatch.failures > failures });
  if (inMs !== undefined) {
    const next = { dueAt: now + inMs, takenUntil: 0, failures: failures + 1 };
    return noted(changed(row, now, { dispatch: next, error }));
  }
  if (isFinal(row.status)) return noted(changed(row, now, withoutDispatch(row)));
  return noted(
    changed(row, now, {
      status: "failed",
      ...withoutDispatch(row),
      finishedAt: now,
      error,
      deadLetterReason: UNDISPATCHABLE,
    }),
  );
}

/** Runs a job again from its record, as the next generation. */
export function reopen(
  row: JobRow | undefined,
  { token, force, takenMs }: ReopenChange,
  now: number,
): Transition<PlainAnswer> {
  if (row === undefined) return unchanged(row);
  if (row.birthToken === token) return noted(row);
  const isAllowed =
    row.status === "failed" ||
    row.status === "cancelled" ||
    (force && (row.status === "completed" || row.status === "lost"));
  if (!isAllowed || !row.hasMessage) return unchanged(row);
  return noted(
    changed(row, now, {
      status: "queued",
      generation: row.generation + 1,
      birthToken: token,
      isStoreBorn: true,
      // Given by the message that is sent from the record, which states when it was created, also if the first did not.
      stamp: undefined,
      dispatch: dueNow(now, takenMs),
      // Raised, so that a late confirmation of an earlier dispatch does not count for this one.
      dispatches: row.dispatches + 1,
      runs: 0,
      lapsed: 0,
      isBuried: false,
      finishedAt: undefined,
      nextAt: undefined,
      cancelRequestedAt: undefined,
      cancelReason: undefined,
      deadLetterReason: undefined,
      error: undefined,
      resultOmitted: undefined,
      progress: undefined,
      progressMessage: undefined,
    }),
    { result: { value: undefined } },
  );
}

/** Makes a scheduled job due now. */
export function promote(
  row: JobRow | undefined,
  { takenMs }: PromoteChange,
  now: number,
): Transition<PlainAnswer> {
  if (row?.dispatch === undefined) return unchanged(row);
  // It was due already, or this promotion is repeated.
  if (row.status === "queued") return noted(row);
  if (row.status !== "scheduled") return unchanged(row);
  return noted(
    changed(row, now, { status: "queued", dispatch: dueNow(now, takenMs, row.dispatch.failures) }),
  );
}
