import type { RunClaim } from "../../queue/tracker.ts";
import type { ClaimAnswer } from "../store/change.ts";
import type { JobError } from "../store/job-row.ts";

/** The decision about a message whose claim was answered. */
export function runClaimOf(answer: ClaimAnswer): RunClaim {
  switch (answer.do) {
    case "run":
      return { run: true, attempt: answer.attempt };
    case "foreign":
      return { run: true, attempt: undefined };
    case "done":
      return { run: false, disposition: { kind: "ack", ran: false, why: "completed" } };
    case "cancelled":
      return { run: false, disposition: { kind: "ack", ran: false, why: "cancelled" } };
    case "failed":
      return failedAlready(answer.isBuried, answer.reason, answer.error);
    default:
      return { run: false, disposition: { kind: "release", delayMs: answer.inMs, why: answer.why } };
  }
}

/** A message whose job has failed is dead-lettered again, unless its dead letter is known to be there. */
export function failedAlready(isBuried: boolean, reason: string, error: JobError | undefined): RunClaim {
  if (isBuried) return { run: false, disposition: { kind: "ack", ran: false, why: "dead_lettered" } };
  const message = error?.message ?? "the job has failed before, and its dead letter is not known";
  return {
    run: false,
    disposition: { kind: "dead_letter", reason, error: new Error(message), ran: false },
  };
}
