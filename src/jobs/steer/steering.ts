import { checkKeys, QueueError } from "../../errors.ts";
import { newId } from "../../lib/ids.ts";
import { show } from "../../lib/text.ts";
import type { JobsContext } from "../context.ts";
import { DISPATCH_MS, type Dispatcher } from "../dispatch/dispatcher.ts";
import type { CancelOutcome } from "../job-handle.ts";
import { type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import { checkId, checkName } from "../send/send-options.ts";
import { isFinal, type JobRow } from "../store/job-row.ts";

/** The options of `Jobs.cancel`. */
export interface CancelOptions {
  readonly reason?: string | undefined;
  /** Whether an unknown job is refused as `not_found`, and not cancelled in advance. @default false */
  readonly onlyKnown?: boolean | undefined;
}

const MAX_REASON_BYTES = 1_024;

/** Cancels a job that does not run, and asks the run of one that does to end. */
export async function cancelJob(
  { records }: JobsContext,
  id: string,
  options: CancelOptions = {},
): Promise<CancelOutcome> {
  checkId("cancel", id);
  checkKeys("cancel", options, { reason: true, onlyKnown: true });
  const { reason, onlyKnown } = options;
  checkReason("cancel", reason);
  const answer = await records.change({ kind: "cancel", id, reason, onlyKnown });
  if (answer.row === undefined) throw unknown("cancelled", id);
  if (answer.cancelRequested === true) return "requested";
  return answer.ok ? "cancelled" : "finished";
}

export function checkReason(where: string, reason: string | undefined): void {
  if (reason !== undefined) checkName(where, "reason", reason, MAX_REASON_BYTES);
}

/** Runs a job again that is over, from its record. */
export async function retryJob(
  context: JobsContext,
  dispatcher: Dispatcher,
  id: string,
  options: { readonly force?: boolean | undefined } = {},
): Promise<JobSnapshot> {
  checkId("retry", id);
  checkKeys("retry", options, { force: true });
  const { force = false } = options;
  const { records, clock } = context;
  const token = newId(clock.now());
  const { ok, row } = await records.change({ kind: "reopen", id, token, force, takenMs: DISPATCH_MS });
  if (row === undefined) throw unknown("retried", id);
  if (!ok) throw notRetried(row);
  await dispatchTaken(context, dispatcher, row);
  return snapshotOf({ row }, clock.now());
}

/** Makes a scheduled job due now. */
export async function promoteJob(
  context: JobsContext,
  dispatcher: Dispatcher,
  id: string,
): Promise<JobSnapshot> {
  checkId("promote", id);
  const { records, clock } = context;
  const before = await records.get(id);
  const { ok, row } = await records.change({ kind: "promote", id, takenMs: DISPATCH_MS });
  if (row === undefined) throw unknown("promoted", id);
  if (!ok)
    throw new QueueError(
      "conflict",
      `Job ${show(id)} is ${row.status}; only a scheduled job can be promoted. Nothing was changed.`,
      { queue: row.queue },
    );
  // A job that was due before is being sent by somebody else.
  if (before?.row.status === "scheduled") await dispatchTaken(context, dispatcher, row);
  return snapshotOf({ row }, clock.now());
}

/** Sends the message of a job that this process has taken by its change. If it cannot be read, another process sends it. */
async function dispatchTaken({ records }: JobsContext, dispatcher: Dispatcher, row: JobRow): Promise<void> {
  const stored = await records.get(row.id, ["message"]).catch(() => undefined);
  if (stored?.message !== undefined) void dispatcher.dispatch({ row, message: stored.message });
}

function notRetried({ id, status, hasMessage, queue }: JobRow): QueueError {
  const why =
    isFinal(status) && !hasMessage
      ? `the message of job ${show(id)} is no longer kept. Send it anew`
      : isFinal(status)
        ? `job ${show(id)} is ${status}. To run it once more all the same, give retry { force: true }`
        : `job ${show(id)} is ${status}, and so not over. Wait for its end, or cancel it first`;
  return new QueueError("conflict", `Nothing was changed: ${why}.`, { queue });
}

function unknown(what: string, id: string): QueueError {
  return new QueueError(
    "not_found",
    `There is no record of job ${show(id)}, so it was not ${what}. Its record may be deleted by now, or its type is not tracked.`,
  );
}
