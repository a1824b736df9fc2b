import type { Json } from "./json.ts";
import type { JobSnapshot } from "./job-snapshot.ts";

/** A job in the JSON of the REST API and of the command line. Members without a value are left out, and never `null`. */
export interface JobRecordJson {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly queue: string;
  readonly priority: string;
  readonly progress?: number;
  readonly progress_message?: string;
  /** Runs after the first: `attempt` - 1. */
  readonly retry_count: number;
  /** `max_attempts` - 1. */
  readonly max_retries: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly worker_id?: string;
  /** All times are in the format of RFC 3339, in UTC. */
  readonly created_at: string;
  readonly updated_at: string;
  readonly started_at?: string;
  readonly scheduled_at?: string;
  readonly finished_at?: string;
  readonly next_attempt_at?: string;
  readonly wait_ms?: number;
  readonly duration_ms?: number;
  readonly tenant?: string;
  readonly tags?: readonly string[];
  readonly trace_id?: string;
  readonly error?: {
    readonly message: string;
    readonly code?: string;
    readonly frame?: string;
    readonly fingerprint?: string;
  };
  readonly dead_letter?: { readonly reason: string };
  readonly cancel_requested_at?: string;
  readonly cancel_reason?: string;
  readonly stalled?: true;
  readonly overdue?: true;
  readonly result_omitted?: string;
  readonly payload?: Json;
  /** The encoding of the payload, if it could not be decoded here. */
  readonly payload_encoding?: string;
  readonly result?: Json;
  readonly attempts?: readonly {
    readonly attempt: number;
    readonly worker_id: string;
    readonly started_at: string;
    readonly duration_ms: number;
    readonly error: { readonly message: string; readonly code?: string; readonly frame?: string };
  }[];
  readonly logs?: readonly {
    readonly at: string;
    readonly level: string;
    readonly message: string;
    readonly fields?: Readonly<Record<string, Json>>;
  }[];
}

/**
 * The record of a job as JSON. The names are those of the REST API. `attempts` is left out unless it is asked for.
 */
export function recordOf(job: JobSnapshot, { attempts = false }: { attempts?: boolean } = {}): JobRecordJson {
  const record = {
    id: job.id,
    type: job.type,
    status: job.status,
    queue: job.queue,
    priority: job.priority,
    progress: job.progress,
    progress_message: job.progressMessage,
    retry_count: Math.max(0, job.attempt - 1),
    max_retries: job.maxAttempts - 1,
    attempt: job.attempt,
    max_attempts: job.maxAttempts,
    worker_id: job.workerId,
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    started_at: job.startedAt?.toISOString(),
    scheduled_at: job.scheduledAt?.toISOString(),
    finished_at: job.finishedAt?.toISOString(),
    next_attempt_at: job.nextAttemptAt?.toISOString(),
    wait_ms: job.waitMs,
    duration_ms: job.durationMs,
    tenant: job.tenant,
    tags: job.tags.length === 0 ? undefined : job.tags,
    trace_id: job.traceId,
    error: job.error,
    dead_letter: job.deadLetterReason === undefined ? undefined : { reason: job.deadLetterReason },
    cancel_requested_at: job.cancelRequestedAt?.toISOString(),
    cancel_reason: job.cancelReason,
    stalled: job.isStalled,
    overdue: job.isOverdue,
    result_omitted: job.resultOmitted,
    payload: job.payload,
    payload_encoding: job.payloadEncoding,
    result: job.result,
    attempts: attempts
      ? job.attempts.map((one) => ({
          attempt: one.attempt,
          worker_id: one.workerId,
          started_at: new Date(one.startedAt).toISOString(),
          duration_ms: one.durationMs,
          error: one.error,
        }))
      : undefined,
    logs: job.logs?.map(({ at, ...line }) => ({ at: new Date(at).toISOString(), ...line })),
  };
  // Through JSON, which leaves out every member without a value, at any depth.
  return JSON.parse(JSON.stringify(record)) as JobRecordJson;
}
