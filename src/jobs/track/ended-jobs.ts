import { forgetOldest } from "../../lib/bounded-map.ts";
import type { TrackedRun } from "../../queue/tracker.ts";
import type { JobError } from "../store/job-row.ts";

/** Jobs that are remembered. */
const MOST = 10_000;

/** One job that ended in this process. */
export interface EndedJob {
  readonly status: "completed" | "cancelled" | "failed";
  readonly queue: string;
  readonly type: string;
  readonly stamp: string;
  readonly redrive: number;
  /** The reason and the error of a failed job's dead letter. */
  readonly reason?: string | undefined;
  readonly error?: JobError | undefined;
  /** Whether the dead letter of a failed job is in the dead-letter queue. */
  readonly isBuried: boolean;
}

/** The jobs that ended last in this process. While the store is down, they are not run again. */
export class EndedJobs {
  readonly #jobs = new Map<string, EndedJob>();

  add(id: string, job: EndedJob): void {
    this.#jobs.set(id, job);
    forgetOldest(this.#jobs, MOST);
  }

  buried(id: string): void {
    const job = this.#jobs.get(id);
    if (job !== undefined) this.#jobs.set(id, { ...job, isBuried: true });
  }

  /** How the job of this message ended here, unless it was redriven since. */
  of({ message, queue, redrive, wasDeadLetter }: TrackedRun, stamp: string): EndedJob | undefined {
    const job = this.#jobs.get(message.id);
    if (job === undefined || job.queue !== queue || job.type !== message.type || job.stamp !== stamp)
      return undefined;
    const isRedriven = redrive > job.redrive || wasDeadLetter;
    return isRedriven && job.status === "failed" ? undefined : job;
  }
}
