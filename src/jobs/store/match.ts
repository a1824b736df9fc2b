import { isHeld } from "./cancel-rules.ts";
import type { JobRow } from "./job-row.ts";
import type { StoredJobFilter } from "./job-store.ts";

/** Whether a job meets the conditions of a filter, except for `search`, which looks at its data. */
export function matches(row: JobRow, filter: StoredJobFilter, now: number): boolean {
  const { status, type, queue, priority, tenant, tag, workerId, error, createdFrom, createdBefore } = filter;
  return (
    (status === undefined || status.includes(row.status)) &&
    (type === undefined || type.includes(row.type)) &&
    (queue === undefined || queue.includes(row.queue)) &&
    (priority === undefined || priority.includes(row.priority)) &&
    (tenant === undefined || row.tenant === tenant) &&
    (tag === undefined || row.tags.includes(tag)) &&
    (workerId === undefined || row.workerId === workerId) &&
    (error === undefined || row.error?.fingerprint === error || row.error?.code === error) &&
    (createdFrom === undefined || row.createdAt >= createdFrom) &&
    (createdBefore === undefined || row.createdAt < createdBefore) &&
    (filter.isStalled === undefined || isStalled(row, now))
  );
}

/** Whether the hold of a job has lapsed, and no run has taken it over. Not stored: it follows from the row and the time. */
export function isStalled(row: JobRow, now: number): boolean {
  return row.status === "processing" && !isHeld(row, now);
}

/** Jobs of a page stand in this order: by their creation, and by id within a millisecond. */
export function byCreation(one: JobRow, other: JobRow): number {
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
