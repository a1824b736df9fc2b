import { forgetOldest } from "../../lib/bounded-map.ts";
import type { RunClaim } from "../../queue/tracker.ts";
import { failedAlready } from "./claim-answers.ts";
import type { EndedJobs } from "./ended-jobs.ts";
import type { JobRun } from "./job-run.ts";

/** Milliseconds until a message that waits for the store is looked at again: at first, and at most. */
const WAIT_MS = 5_000;
const MAX_WAIT_MS = 60_000;
/** Messages that are remembered to have waited once. */
const MOST = 10_000;

/** Decides about messages that nobody can be asked about, since the store cannot be reached. */
export class Outage {
  readonly #ended: EndedJobs;
  readonly #waited = new Map<string, true>();

  constructor(ended: EndedJobs) {
    this.#ended = ended;
  }

  /**
   * A job that ended in this process does not run again. Another one runs untracked, or waits. A message that may have
   * been handled before, since it is no first delivery, waits once: the store may know.
   *
   * @param downMs milliseconds since the outage began
   */
  decide(job: JobRun, mode: "run" | "wait", downMs: number): RunClaim {
    const waitMs = Math.min(Math.max(downMs, WAIT_MS), MAX_WAIT_MS);
    const ended = this.#ended.of(job.run, job.stamp);
    // A retry from the record, or another copy of an old dead letter: only the store can say which.
    if (ended !== undefined && ended.status !== "failed" && job.run.redrive > ended.redrive)
      return waiting(waitMs);
    if (ended !== undefined && ended.status !== "failed")
      return { run: false, disposition: { kind: "ack", ran: false, why: ended.status } };
    if (ended !== undefined)
      return failedAlready(ended.isBuried, ended.reason ?? "max_attempts", ended.error);
    if (mode === "wait") return waiting(waitMs);
    if (!isFirstDelivery(job) && !this.#waited.delete(job.id)) {
      this.#waited.set(job.id, true);
      forgetOldest(this.#waited, MOST);
      return waiting(WAIT_MS);
    }
    return { run: true, attempt: undefined };
  }
}

function isFirstDelivery({ run }: JobRun): boolean {
  return run.attempt === 1 && run.attemptsOfCopy === 0 && run.redrive === 0 && !run.wasDeadLetter;
}

function waiting(delayMs: number): RunClaim {
  return { run: false, disposition: { kind: "release", delayMs, why: "store" } };
}
