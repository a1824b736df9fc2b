import { forgetOldest } from "../../lib/bounded-map.ts";
import type { JobRow, JobStatus } from "../store/job-row.ts";
import type { JobsEvent } from "./jobs-event.ts";

/** The name of an event, without its job. */
export interface NamedEvent {
  readonly event: JobsEvent["event"];
  readonly willRetry?: boolean | undefined;
}

/** The members of a row that its events depend on. */
type Seen = Pick<
  JobRow,
  "version" | "status" | "generation" | "runs" | "fence" | "progress" | "progressMessage"
>;

/** Jobs whose last state is remembered at least. */
const MAX_SEEN = 10_000;

/** Names the changes of jobs, as one reader sees them one after the other. */
export class EventNames {
  readonly #seen = new Map<string, Seen>();

  /** The events of a row. None if nothing has changed that an event reports, or if the row was seen before. */
  of(row: JobRow): readonly NamedEvent[] {
    const before = this.#seen.get(row.id);
    if (before !== undefined && row.version <= before.version) return [];
    this.#remember(row);
    return namesOf(row, before);
  }

  #remember({ id, version, status, generation, runs, fence, progress, progressMessage }: JobRow): void {
    this.#seen.delete(id);
    this.#seen.set(id, { version, status, generation, runs, fence, progress, progressMessage });
    // Many at a time: the first key of a map is found behind all that were deleted.
    if (this.#seen.size > 2 * MAX_SEEN) forgetOldest(this.#seen, MAX_SEEN);
  }
}

/** The events of states that a job enters once, unless it runs anew. */
const ENTERED: Readonly<Record<Exclude<JobStatus, "processing" | "retrying" | "failed">, NamedEvent>> = {
  scheduled: { event: "job.scheduled" },
  queued: { event: "job.queued" },
  completed: { event: "job.completed" },
  cancelled: { event: "job.cancelled" },
  lost: { event: "job.lost" },
};

function namesOf(row: JobRow, before: Seen | undefined): readonly NamedEvent[] {
  const { status } = row;
  const isSame = before?.status === status && before.generation === row.generation;
  if (status === "processing")
    return isSame && before.fence === row.fence ? progressOf(row, before) : startOf(row, before);
  if (status === "retrying")
    return isSame && before.runs === row.runs ? [] : [{ event: "job.failed", willRetry: true }];
  if (isSame) return [];
  return status === "failed" ? failureOf(row) : [ENTERED[status]];
}

function progressOf(row: JobRow, before: Seen): readonly NamedEvent[] {
  const isNew = row.progress !== before.progress || row.progressMessage !== before.progressMessage;
  return isNew ? [{ event: "job.progress" }] : [];
}

/** A row that was not seen before may have begun long ago: its last change is then a report. */
function startOf(row: JobRow, before: Seen | undefined): readonly NamedEvent[] {
  const { startedAt, updatedAt, progress, cancelRequestedAt } = row;
  // The request to end a run is no report of it.
  if (before === undefined && cancelRequestedAt === updatedAt && startedAt !== updatedAt) return [];
  const isReport = before === undefined && startedAt !== updatedAt && progress !== undefined;
  return [{ event: isReport ? "job.progress" : "job.started" }];
}

/** A job fails for good by its last run, or without one: it could not be sent, or it killed its workers. */
function failureOf({ runs, attempts }: JobRow): readonly NamedEvent[] {
  const ran = runs > 0 && attempts.at(-1)?.attempt === runs;
  const dead: NamedEvent = { event: "job.dead_lettered" };
  return ran ? [{ event: "job.failed", willRetry: false }, dead] : [dead];
}
