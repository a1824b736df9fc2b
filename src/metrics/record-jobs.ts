import type { JobEvent, Origin } from "../diagnostics.ts";
import type { Families } from "./families.ts";
import { QueueRows, type TypeRows, typeRows } from "./job-rows.ts";
import { OTHER, type TypeLabels } from "./type-labels.ts";

/** Reasons that are used as labels. A handler may use other reasons, which are counted as `other`. */
const REASONS: ReadonlySet<string> = new Set([
  "max_attempts",
  "permanent_error",
  "invalid_payload",
  "malformed",
  "unknown_type",
  "crash_loop",
]);

/**
 * Reasons that are given without a run of the handler. They do not show that this process handles the type, so they grant
 * no label.
 */
const UNHANDLED: ReadonlySet<string> = new Set(["malformed", "unknown_type", "crash_loop"]);

/**
 * Counts the events of jobs. `started` and `released` grant no type label, because they are published for unknown types
 * as well. Only a later event shows that this process handles the type.
 */
export function recordJobs(families: Families, labels: TypeLabels): (event: JobEvent & Origin) => void {
  const queues = new Map<string, QueueRows>();

  const queueRows = (name: string): QueueRows => {
    let rows = queues.get(name);
    if (rows === undefined) {
      rows = new QueueRows(families, name);
      queues.set(name, rows);
    }
    return rows;
  };

  const handled = (queue: QueueRows, type: string): TypeRows =>
    queue.types.get(type) ?? rowsOf(queue, labels.grant(type));

  const rowsOf = (queue: QueueRows, label: string): TypeRows => {
    let rows = queue.types.get(label);
    if (rows === undefined) {
      rows = typeRows(families, queue.name, label);
      queue.types.set(label, rows);
    }
    return rows;
  };

  /** Returns the series of a failure. A failure that has a `reason` had no handler, so it grants no label. */
  const failed = (
    queue: QueueRows,
    { job, reason }: JobEvent & { readonly event: "failed" | "retrying" },
  ): TypeRows => (reason === undefined ? handled(queue, job.type) : rowsOf(queue, labels.lookUp(job.type)));

  const ended = (type: string, status: "released" | "refused" | "discarded" | "cancelled"): void => {
    families.processed.cell({ type, status }).value += 1;
  };

  return (event) => {
    const { job } = event;
    const queue = queueRows(event.queue);
    switch (event.event) {
      case "started":
        queue.begin(job);
        queue.wait.observe(event.waitMs);
        break;
      case "completed": {
        queue.end(job);
        const rows = handled(queue, job.type);
        rows.completed.value += 1;
        rows.duration.observe(event.durationMs);
        break;
      }
      case "failed": {
        queue.end(job);
        const rows = failed(queue, event);
        rows.failed.value += 1;
        rows.duration.observe(event.durationMs);
        break;
      }
      case "retrying":
        failed(queue, event).retried.value += 1;
        break;
      case "dead_lettered": {
        const type = UNHANDLED.has(event.reason) ? labels.lookUp(job.type) : labels.grant(job.type);
        const reason = REASONS.has(event.reason) ? event.reason : OTHER;
        if (queue.end(job)) ended(type, "refused");
        families.deadLettered.cell({ type, queue: queue.name, reason }).value += 1;
        break;
      }
      case "not_run":
        // A run that was cancelled had begun.
        if (queue.end(job))
          ended(labels.lookUp(job.type), event.why === "cancelled" ? "cancelled" : "discarded");
        break;
      case "released":
        if (queue.end(job)) ended(labels.lookUp(job.type), "released");
        families.released.cell({ queue: queue.name, why: event.why }).value += 1;
        break;
      case "stuck":
        families.stuck.cell({ type: labels.grant(job.type), queue: queue.name }).value += 1;
        break;
      case "late": {
        const type = labels.grant(job.type);
        if (queue.end(job)) ended(type, "discarded");
        families.late.cell({ type, queue: queue.name }).value += 1;
        break;
      }
      case "progress":
        break;
    }
  };
}
