import { Family } from "./family.ts";
import { DurationHistogram } from "./histogram.ts";

/** Every metric that is fed by events. docs/metrics.md says the same at more length. */
export interface Families {
  readonly queued: Family<"type" | "queue">;
  readonly sendFailures: Family<"queue" | "outcome">;
  readonly processed: Family<"type" | "status">;
  readonly duration: DurationHistogram<"type">;
  readonly active: Family<"queue">;
  readonly wait: DurationHistogram<"queue">;
  readonly retried: Family<"type" | "queue">;
  readonly deadLettered: Family<"type" | "queue" | "reason">;
  readonly released: Family<"queue" | "why">;
  readonly stuck: Family<"type" | "queue">;
  readonly late: Family<"type" | "queue">;
  readonly leasesLost: Family<"queue">;
  readonly settleFailures: Family<"queue" | "kind">;
  readonly requests: Family<"provider" | "operation" | "outcome">;
  readonly lastPoll: Family<"queue">;
}

export function createFamilies(): Families {
  return {
    queued: counter("jobs_queued_total", "Jobs that the provider accepted from this process."),
    sendFailures: counter(
      "job_send_failures_total",
      "Jobs that were not sent (failed), or of which it is not known (unknown).",
    ),
    processed: counter("jobs_processed_total", "Runs of jobs that ended, by how they ended."),
    duration: new DurationHistogram({
      name: "job_duration_seconds",
      help: "How long runs took that completed or failed.",
    }),
    active: new Family({ name: "jobs_active", help: "Runs without a verdict yet.", type: "gauge" }),
    wait: new DurationHistogram({
      name: "job_wait_seconds",
      help: "How long jobs waited from when they were due until a run started.",
    }),
    retried: counter("jobs_retried_total", "Failed runs that will be tried again."),
    deadLettered: counter("jobs_dead_lettered_total", "Jobs moved to the dead-letter queue."),
    released: counter("jobs_released_total", "Jobs given back to the queue without a verdict."),
    stuck: counter("jobs_stuck_total", "Runs that went on after their timeout and grace."),
    late: counter("jobs_late_total", "Runs that returned after their lease had been given up."),
    leasesLost: counter("leases_lost_total", "Jobs that another receiver took over while they ran here."),
    settleFailures: counter("settle_failures_total", "Settlements that the provider did not confirm."),
    requests: counter("queue_requests_total", "Requests to the provider."),
    lastPoll: new Family({
      name: "worker_last_poll_timestamp_seconds",
      help: "When a poll last succeeded, in Unix time.",
      type: "gauge",
      aggregator: "max",
    }),
  };
}

function counter<Label extends string>(name: string, help: string): Family<Label> {
  return new Family({ name, help, type: "counter" });
}
