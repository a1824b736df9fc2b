import type { JobEvent, SendEvent } from "../diagnostics.ts";
import type { Jobs } from "../jobs/jobs.ts";
import type { JobRow, JobStatus } from "../jobs/store/job-row.ts";

/** Recorded jobs, as `createJobs` returns them. */
export type RecordedJobs = Pick<Jobs, "queue" | "store" | "namespace">;

/** The statuses of each job, in their order. */
export class StatusHistory {
  readonly #statuses = new Map<string, JobStatus[]>();

  /** The statuses of a job, the first at the front; none if nothing is known of it. */
  of(id: string): readonly JobStatus[] {
    return this.#statuses.get(id) ?? [];
  }

  add(id: string, status: JobStatus): void {
    const known = this.#statuses.get(id);
    if (known === undefined) this.#statuses.set(id, [status]);
    else known.push(status);
  }

  /** A message was sent. Its handler may have been called before that is known. */
  sent({ id, delayMs }: SendEvent): void {
    if (!this.#statuses.has(id)) this.add(id, delayMs > 0 ? "scheduled" : "queued");
  }

  /** An event of a job that is not recorded. */
  saw(event: JobEvent): void {
    const status = statusAfter(event);
    if (status !== undefined) this.add(event.job.id, status);
  }

  /**
   * Follows the records of jobs, until the returned function is called. A store of this process alone announces each change
   * while it is made; quick changes in another store may be folded into one.
   */
  follow({ store, namespace }: RecordedJobs): () => void {
    const rows = new Map<string, JobRow>();
    return store.listen(namespace, (_, id) => {
      store.get(namespace, [id]).then(
        ([found]) => {
          if (found === undefined) return;
          const { row } = found;
          const before = rows.get(id);
          if (before !== undefined && row.version <= before.version) return;
          rows.set(id, row);
          if (row.status !== before?.status || row.runs > before.runs) this.add(id, row.status);
        },
        // The next change of the job is read again.
        () => undefined,
      );
    });
  }
}

function statusAfter(event: JobEvent): JobStatus | undefined {
  switch (event.event) {
    case "started":
      return "processing";
    case "completed":
      return "completed";
    case "retrying":
      return "retrying";
    case "dead_lettered":
      return "failed";
    case "released":
      return "queued";
    default:
      return undefined;
  }
}
