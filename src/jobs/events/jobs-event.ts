import type { JobSnapshot } from "../job-snapshot.ts";

/**
 * A change in the life of a job, in any process. Changes that follow each other quickly may be folded into one event.
 *
 * - `job.scheduled`, `job.queued`: The job was sent.
 * - `job.started`: A run began. - `job.progress`: Its handler has reported.
 * - `job.completed`: A run ended without an error.
 * - `job.failed`: A run failed. `willRetry` says whether the job runs again.
 * - `job.dead_lettered`: The job failed for good.
 * - `job.cancelled`, `job.lost`: The job is over.
 */
export interface JobsEvent {
  readonly event:
    | "job.scheduled"
    | "job.queued"
    | "job.started"
    | "job.progress"
    | "job.completed"
    | "job.failed"
    | "job.dead_lettered"
    | "job.cancelled"
    | "job.lost";
  /** The job after the change. Frozen, since all readers of the process get the same object. */
  readonly job: JobSnapshot;
  /** Set for `job.failed`. */
  readonly willRetry?: boolean | undefined;
  /** The place of the event, from which `events` can go on. */
  readonly cursor: string;
}
