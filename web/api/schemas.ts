import { z } from "zod";
import { jobStatuses, priorities } from "../../src/jobs/store/job-row.ts";

/** Schemas of answers. They document the API; a test compares each answer with them. */

const timestamp = z.iso.datetime();
const count = z.int().min(0);

const jobError = z
  .object({
    message: z.string(),
    code: z.string().optional(),
    frame: z.string().optional(),
    fingerprint: z.string().optional(),
  })
  .meta({ id: "JobError", description: "The error of a run." });

const logLine = z.object({
  at: timestamp,
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).optional(),
});

const failedAttempt = z.object({
  attempt: z.int(),
  worker_id: z.string(),
  started_at: timestamp,
  duration_ms: z.number(),
  error: jobError,
});

const jobFields = {
  id: z.string(),
  type: z.string(),
  status: z.enum(jobStatuses),
  queue: z.string(),
  priority: z.enum(priorities),
  progress: z.number().min(0).max(100).optional(),
  progress_message: z.string().optional(),
  retry_count: count,
  max_retries: z.int(),
  attempt: count,
  max_attempts: count,
  worker_id: z.string().optional(),
  created_at: timestamp,
  updated_at: timestamp,
  started_at: timestamp.optional(),
  scheduled_at: timestamp.optional(),
  finished_at: timestamp.optional(),
  next_attempt_at: timestamp.optional(),
  wait_ms: z.number().optional(),
  duration_ms: z.number().optional(),
  tenant: z.string().optional(),
  tags: z.array(z.string()).optional(),
  trace_id: z.string().optional(),
  error: jobError.optional(),
  dead_letter: z.object({ reason: z.string() }).optional(),
  cancel_requested_at: timestamp.optional(),
  cancel_reason: z.string().optional(),
  stalled: z.literal(true).optional(),
  overdue: z.literal(true).optional(),
  result_omitted: z.string().optional(),
  payload: z.unknown().optional(),
  payload_encoding: z
    .string()
    .describe("The encoding of the payload, if the API has no codec to decode it.")
    .optional(),
  result: z.unknown().optional(),
  attempts: z.array(failedAttempt).optional(),
  logs: z.array(logLine).optional(),
};

/** The record of a job. */
export const jobSchema: z.ZodType = z
  .object(jobFields)
  .meta({ id: "Job", description: "A job. Members without a value are left out." });

/** A job that was sent, and could not be recorded. */
export const untrackedSchema: z.ZodType = z
  .object({
    id: z.string(),
    type: z.string(),
    status: z.literal("queued"),
    queue: z.string(),
    priority: z.enum(priorities),
    tracked: z.literal(false),
  })
  .meta({
    id: "UntrackedJob",
    description: "A job that was sent, and could not be recorded, since the job store could not be reached.",
  });

/** The answer to a cancellation. */
export const cancelledSchema: z.ZodType = z
  .object({ ...jobFields, outcome: z.enum(["cancelled", "requested"]) })
  .meta({
    id: "CancelledJob",
    description: "A job that is cancelled, or whose handler is asked to end.",
  });

/** One page of jobs. */
export const jobPageSchema: z.ZodType = z
  .object({
    jobs: z.array(jobSchema),
    total: count,
    total_is_capped: z.literal(true).optional(),
    is_partial: z.literal(true).optional(),
    limit: count,
    offset: count.optional(),
    next_cursor: z.string().optional(),
  })
  .meta({ id: "JobPage", description: "Jobs, and the number of all jobs that match." });

/** A refusal (RFC 9457). */
export const problemSchema: z.ZodType = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    errors: z
      .array(
        z.object({
          detail: z.string(),
          pointer: z.string().optional(),
          parameter: z.string().optional(),
        }),
      )
      .optional(),
  })
  .meta({ id: "Problem", description: "An error (RFC 9457). `code` is stable, `detail` says what to do." });

/** The outcomes of a request with several jobs. */
export const outcomesSchema: z.ZodType = z
  .object({
    outcomes: z.array(
      z.object({
        status: z.int(),
        job: z.union([jobSchema, untrackedSchema]).optional(),
        problem: problemSchema.optional(),
        replayed: z.literal(true).optional(),
        warning: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "SendOutcomes", description: "One outcome for each job, in the order of the request." });

/** The result of a job. */
export const resultSchema: z.ZodType = z
  .object({
    id: z.string(),
    status: z.literal("completed"),
    result: z.unknown().optional(),
    result_omitted: z.string().optional(),
  })
  .meta({
    id: "JobResult",
    description: "What the handler returned. `result` is left out if that was nothing.",
  });

/** The log of a job. */
export const logsSchema: z.ZodType = z
  .object({ id: z.string(), logs: z.array(logLine) })
  .meta({ id: "JobLogs", description: "The last lines that the handler has logged." });

/** The answer to a change of many jobs. */
export const bulkSchema: z.ZodType = z
  .object({
    action: z.enum(["cancel", "retry"]),
    dry_run: z.boolean(),
    count,
    outcomes: z
      .array(
        z.object({
          id: z.string(),
          outcome: z.enum(["cancelled", "requested", "finished", "retried", "selected", "refused"]),
          problem: problemSchema.optional(),
        }),
      )
      .optional(),
  })
  .meta({ id: "BulkOutcome", description: "How many jobs were changed, and for ids the outcome of each." });
