import { Family } from "./family.ts";
import { DurationHistogram } from "./histogram.ts";

/** Every metric that events increment. docs/metrics.md describes them in detail. */
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
  readonly claims: Family<"outcome">;
  readonly cancelled: Family<"when">;
  readonly storeRequests: Family<"operation" | "outcome">;
  readonly storeDuration: DurationHistogram<"operation">;
}

export function createFamilies(): Families {
  return {
    queued: counter("jobs_queued_total", "Jobs that the provider accepted from this process."),
    sendFailures: counter(
      "job_send_failures_total",
      "Jobs that were not sent (failed), or may not have been sent (unknown).",
    ),
    processed: counter("jobs_processed_total", "Runs that ended, by status."),
    duration: new DurationHistogram({
      name: "job_duration_seconds",
      help: "Duration of runs that completed or failed.",
    }),
    active: new Family({
      name: "jobs_active",
      help: "Runs that have started and whose outcome is not decided.",
      type: "gauge",
    }),
    wait: new DurationHistogram({
      name: "job_wait_seconds",
      help: "Time between the moment at which a job was due and the start of a run.",
    }),
    retried: counter("jobs_retried_total", "Failed runs that will be retried."),
    deadLettered: counter("jobs_dead_lettered_total", "Jobs moved to the dead-letter queue."),
    released: counter("jobs_released_total", "Jobs released to the queue without an outcome."),
    stuck: counter("jobs_stuck_total", "Runs that continued after their timeout and grace."),
    late: counter("jobs_late_total", "Runs that returned after their lease was given up."),
    leasesLost: counter(
      "leases_lost_total",
      "Jobs whose lease was lost while they ran here; another receiver may run them.",
    ),
    settleFailures: counter("settle_failures_total", "Settlements that the provider did not confirm."),
    requests: counter("queue_requests_total", "Requests to the provider."),
    lastPoll: new Family({
      name: "worker_last_poll_timestamp_seconds",
      help: "Unix time of the last successful poll.",
      type: "gauge",
      aggregator: "max",
    }),
    claims: counter("job_claims_total", "Answers of the job store to runs that were about to begin."),
    cancelled: counter("jobs_cancelled_total", "Recorded jobs that were cancelled."),
    storeRequests: counter("job_store_requests_total", "Requests to the job store."),
    storeDuration: new DurationHistogram({
      name: "job_store_seconds",
      help: "Duration of requests to the job store.",
    }),
  };
}

function counter<Label extends string>(name: string, help: string): Family<Label> {
  return new Family({ name, help, type: "counter" });
}
