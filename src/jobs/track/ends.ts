import { describeError } from "../../errors.ts";
import { errorLine } from "../../message/dead-letter-info.ts";
import { fingerprintOf, frameOf } from "../../message/fingerprint.ts";
import type { Disposition } from "../../queue/disposition.ts";
import type { EndAnswer, EndChange, RunOutcome } from "../store/change.ts";
import type { JobError } from "../store/job-row.ts";
import type { JobRun } from "./job-run.ts";

const MAX_ERROR = 4_096;

/** The message of a job that was cancelled is acknowledged. */
export const CANCELLED: Disposition = { kind: "ack", ran: false, why: "cancelled" };
const COMPLETED: Disposition = { kind: "ack", ran: false, why: "completed" };
const RELEASED: Disposition = { kind: "release" };

/** The end of a run whose message is to be settled as `asked` says. */
export function endOf(job: JobRun, asked: Disposition, workerId: string, now: number): EndChange {
  const { run, granted, token } = job;
  const outcome = outcomeOf(job, asked);
  const error = outcome === "released" || !("error" in asked) ? undefined : asked.error;
  const attempt = granted?.attempt ?? run.attempt;
  const report = job.takeReport();
  job.seq += 1;
  return {
    kind: "end",
    id: job.id,
    token,
    isUntracked: granted === undefined,
    seq: job.seq,
    generation: job.generation,
    // A message that was refused before its handler was called has had no run.
    attempt: asked.kind === "dead_letter" && asked.ran === false ? attempt - 1 : attempt,
    outcome,
    inMs: asked.kind === "retry" ? asked.delayMs : undefined,
    result: job.result,
    resultOmitted: job.resultOmitted,
    error: error === undefined ? undefined : jobErrorOf(error, run.message.type, asked),
    deadLetterReason: asked.kind === "dead_letter" ? asked.reason : undefined,
    workerId,
    durationMs: run.startedAt === 0 ? 0 : (run.endedAt || now) - run.startedAt,
    progress: report?.progress,
    progressMessage: report?.progressMessage,
    saved: report?.saved,
    steps: report?.steps,
    logs: report?.logs,
    seed: job.seed,
  };
}

function outcomeOf({ isCancelled, isInterrupted }: JobRun, { kind }: Disposition): RunOutcome {
  if (kind === "ack") return "completed";
  if (isCancelled) return "cancelled";
  if (isInterrupted || kind === "release" || kind === "unknown_type") return "released";
  return kind === "retry" ? "retrying" : "failed";
}

/** The error of a run as it is recorded. A dead letter of the same failure has the same fingerprint. */
export function jobErrorOf(error: unknown, type: string, asked: Disposition): JobError {
  const frame = frameOf(error);
  const reason = asked.kind === "dead_letter" ? asked.reason : "max_attempts";
  const info = { reason, error: errorLine(error), frame, attempts: 0, source: "", at: new Date(0) };
  return {
    message: describeError(error).slice(0, MAX_ERROR).toWellFormed(),
    code: codeOf(error),
    frame,
    fingerprint: fingerprintOf(type, info),
  };
}

function codeOf(error: unknown): string | undefined {
  try {
    const code = (error as { readonly code?: unknown } | null | undefined)?.code;
    return typeof code === "string" ? code.slice(0, 100) : undefined;
  } catch {
    return undefined;
  }
}

/** The disposition of the message after the store has answered. */
export function dispositionAfter(
  answer: EndAnswer,
  asked: Disposition,
  end: EndChange,
): Disposition | "abandon" {
  switch (answer.verdict) {
    case "fenced":
      return "abandon";
    case "overruled":
      if (asked.kind === "ack") return asked;
      if (answer.status === "completed") return COMPLETED;
      return answer.status === "cancelled" ? CANCELLED : dispositionOf(end.outcome, asked);
    default:
      return dispositionOf(end.outcome, asked);
  }
}

/** The disposition of the message after an outcome that holds, or that nobody could be asked about. */
export function dispositionOf(outcome: RunOutcome, asked: Disposition): Disposition {
  if (outcome === "cancelled") return CANCELLED;
  return outcome === "released" && asked.kind !== "release" ? RELEASED : asked;
}
