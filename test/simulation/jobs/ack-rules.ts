import { isQueueError } from "../../../src/errors.ts";
import type { JobLedger } from "./job-ledger.ts";
import type { ActiveRun, JobHeld } from "./tracked-job.ts";

/** Why a message may not be acknowledged; undefined if it may. */
export function problemOfAck(ledger: JobLedger, { copy, run, process }: JobHeld): string | undefined {
  const { message, id } = copy;
  const row = ledger.rowOf({ namespace: message.namespace, id });
  if (run?.result === "ok") {
    if (run.grant === undefined || run.grant.ended !== undefined) return undefined;
    if (message.planned.type === "runs" && ledger.isTroubled(run.process)) return undefined;
    // Another run of it has ended meanwhile, or nobody remembers it.
    if (row === undefined || row.status === "completed") return undefined;
    return "its end is not recorded";
  }
  if (message.isShared) return message.oks > 0 || message.buried > 0 ? undefined : "it was not handled";
  const record = ledger.record(message.namespace, id);
  const isKept = ledger.isTroubled(process) || record.isUnrecorded;
  // The process remembers that the job is over, and its record follows.
  const isOver = message.overIn.has(process) || message.buried > 0 || isCancelled(run);
  if (isKept && isOver && row?.status !== "completed" && row?.status !== "cancelled") return undefined;
  if (row === undefined) return record.isArchived ? undefined : "it has no record";
  if (row.status === "completed" || row.status === "cancelled") {
    if (run === undefined)
      ledger.reached(
        row.status === "completed"
          ? "run: a second delivery finds the job completed"
          : "cancel: before the start, and the message is acknowledged unseen",
      );
    return undefined;
  }
  if (row.status === "failed" && message.buried > 0) {
    ledger.reached("dead letter: the job is found failed, and its letter is known");
    return undefined;
  }
  // An older copy of a job that has gone on since.
  if (copy.generation < row.generation) return undefined;
  return message.buried > 0 ? undefined : `is ${row.status}`;
}

/** Whether a handler was asked to end since its job was cancelled. */
export function isCancelled(run: ActiveRun | undefined): boolean {
  return isQueueError(run?.signal.reason, "cancelled");
}
