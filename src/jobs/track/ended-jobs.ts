import type { TrackedRun } from "../../queue/tracker.ts";
import type { JobError } from "../store/job-row.ts";

/** Jobs that are remembered at least, once so many have ended. At most twice as many are. */
const LEAST = 10_000;

/** One job that ended in this process. */
export interface EndedJob {
  readonly id: string;
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
  #jobs: EndedJob[] = [];
  /** The jobs that ended before them. All of them are forgotten at once, which costs less than one at a time. */
  #older: EndedJob[] = [];
  /** The jobs by id. Made when somebody asks, since most processes never see an outage. */
  #byId: Map<string, EndedJob> | undefined;

  add(job: EndedJob): void {
    if (this.#jobs.length === LEAST) {
      this.#older = this.#jobs;
      this.#jobs = [];
      this.#byId = undefined;
    }
    this.#jobs.push(job);
    this.#byId?.set(job.id, job);
  }

  /** The dead letter of a failed job is in the dead-letter queue. */
  buried(id: string): void {
    const job = this.#get(id);
    if (job !== undefined) this.add({ ...job, isBuried: true });
  }

  /** How the job of this message ended here, unless it was redriven since. */
  of({ message, queue, redrive, wasDeadLetter }: TrackedRun, stamp: string): EndedJob | undefined {
    const job = this.#get(message.id);
    if (job === undefined || job.queue !== queue || job.type !== message.type || job.stamp !== stamp)
      return undefined;
    const isRedriven = redrive > job.redrive || wasDeadLetter;
    return isRedriven && job.status === "failed" ? undefined : job;
  }

  #get(id: string): EndedJob | undefined {
    this.#byId ??= new Map([...this.#older, ...this.#jobs].map((job) => [job.id, job]));
    return this.#byId.get(id);
  }
}
