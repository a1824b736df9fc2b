import { z } from "zod";
import { jobStatuses } from "../../src/jobs/store/job-row.ts";

/** Schemas of answers about queues, dead letters, workers and health. */

const timestamp = z.iso.datetime();
const count = z.int().min(0);
const health = z.enum(["ok", "degraded", "failing"]);

/** One queue. */
export const queueSchema: z.ZodType = z
  .object({
    name: z.string(),
    jobs: z
      .partialRecord(z.enum(jobStatuses), count)
      .meta({ description: "Unfinished jobs by their state, from the job store." }),
    messages: count.optional().meta({ description: "Messages that can be received now." }),
    in_flight: count.optional().meta({ description: "Messages that a receiver has leased." }),
    backlog: count.optional().meta({ description: "Both together." }),
    delayed: count.optional().meta({ description: "Messages that are not due yet." }),
    dead_letters: count.optional().meta({ description: "Messages in the dead-letter queue." }),
    approximate: z.boolean().optional().meta({ description: "Whether the counts of messages may be old." }),
    as_of: timestamp.optional(),
    error: z
      .string()
      .optional()
      .meta({ description: "Why there are no counts of messages. The log of the server has the reason." }),
  })
  .meta({ id: "Queue", description: "A queue: its jobs in the store, and its messages at the provider." });

/** All queues. */
export const queuesSchema: z.ZodType = z.object({ queues: z.array(queueSchema) });

/** One dead letter. */
export const deadLetterSchema: z.ZodType = z
  .object({
    id: z.string(),
    type: z.string().optional(),
    reason: z.string(),
    error: z.string(),
    frame: z.string().optional(),
    fingerprint: z.string(),
    attempts: count,
    at: timestamp,
    created_at: timestamp.optional(),
    problem: z.string().optional(),
    payload: z.unknown().optional(),
  })
  .meta({ id: "DeadLetter", description: "A message in the dead-letter queue." });

/** Dead letters, the oldest first. */
export const deadLettersSchema: z.ZodType = z.object({ dead_letters: z.array(deadLetterSchema) });

/** Dead letters that failed alike. */
export const groupsSchema: z.ZodType = z.object({
  groups: z.array(
    z
      .object({
        fingerprint: z.string(),
        type: z.string().optional(),
        reason: z.string(),
        error: z.string(),
        frame: z.string().optional(),
        count,
        first_at: timestamp,
        last_at: timestamp,
        example: deadLetterSchema,
      })
      .meta({ id: "DeadLetterGroup", description: "Dead letters that failed alike, and one of them." }),
  ),
});

/** The outcome of a redrive. */
export const redriveSchema: z.ZodType = z
  .object({ dry_run: z.boolean(), matched: count, redriven: count, skipped: count, failed: count })
  .meta({ id: "RedriveOutcome", description: "Numbers of dead letters." });

/** The outcome of a discard. */
export const discardSchema: z.ZodType = z
  .object({ dry_run: z.boolean(), discarded: count })
  .meta({ id: "DiscardOutcome", description: "The number of dead letters that were removed." });

/** One worker process. */
export const workerSchema: z.ZodType = z
  .object({
    id: z.string(),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    queues: z.array(z.string()),
    types: z.array(z.string()),
    slots: count,
    running: z.array(z.string()),
    running_count: count,
    lag_ms: z.number(),
    rss_bytes: z.number(),
    started_at: timestamp,
    seen_at: timestamp,
  })
  .meta({ id: "Worker", description: "A worker that was seen within the last 60 seconds." });

/** All workers. */
export const workersSchema: z.ZodType = z.object({ workers: z.array(workerSchema) });

/** The runs that ended within a window. */
export const statsSchema: z.ZodType = z
  .object({
    window_ms: count,
    since: timestamp,
    ended: z.array(
      z.object({
        queue: z.string(),
        type: z.string(),
        status: z.enum(["completed", "failed", "cancelled", "lost", "retrying"]),
        count,
        mean_duration_ms: z.number(),
      }),
    ),
    minutes: z.array(
      z.object({
        at: timestamp,
        completed: count,
        failed: count,
        cancelled: count,
        lost: count,
        retrying: count,
      }),
    ),
    unfinished: z.array(
      z.object({ queue: z.string(), type: z.string(), status: z.enum(jobStatuses), count }),
    ),
  })
  .meta({ id: "Stats", description: "Runs that ended, by type and by minute, and unfinished jobs." });

/** Job types. */
export const typesSchema: z.ZodType = z.object({
  types: z.array(
    z
      .object({
        type: z.string(),
        queue: z.string().optional(),
        max_attempts: count.optional(),
        timeout_ms: z.number().optional(),
        payload: z.record(z.string(), z.unknown()).optional(),
        is_defined: z.boolean(),
        workers: count,
      })
      .meta({ id: "JobType", description: "A job type. `payload` is the JSON Schema of its payload." }),
  ),
});

/** The health of the job system. */
export const jobsHealthSchema: z.ZodType = z
  .looseObject({ status: health, problems: z.array(z.string()).optional() })
  .meta({ id: "JobsHealth", description: "Without authorization, the status only." });

/** The health of the queues. */
export const queuesHealthSchema: z.ZodType = z
  .object({
    status: health,
    problems: z.array(z.string()).optional(),
    queues: z.array(queueSchema).optional(),
  })
  .meta({ id: "QueuesHealth", description: "Without authorization, the status only." });

/** The health of the workers. */
export const workersHealthSchema: z.ZodType = z
  .object({
    status: health,
    problems: z.array(z.string()).optional(),
    slots: count.optional(),
    running: count.optional(),
    workers: z.array(workerSchema).optional(),
  })
  .meta({ id: "WorkersHealth", description: "Without authorization, the status only." });
