import { z } from "zod";
import { isQueueError, type QueueError } from "../../src/errors.ts";
import type { SentJobHandle } from "../../src/jobs/job-handle.ts";
import { type JobRecordJson, recordOf } from "../../src/jobs/job-record.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { JobSendOptions } from "../../src/jobs/send/send-options.ts";
import type { Priority } from "../../src/jobs/store/job-row.ts";
import type { NewMessage } from "../../src/message/message.ts";
import type { MessageOptions } from "../../src/worker/job.ts";
import { tenantOf } from "./caller.ts";
import { bodyFault, checked, pointerTo } from "./check-input.ts";
import { priority, text, time } from "./fields.ts";
import type { IdempotencyKey } from "./idempotency.ts";
import { demandKnownType } from "./known-type.ts";
import { invalidRequest, Problem, problemOf } from "./problem.ts";
import type { Call } from "./route.ts";

/** The request that sends jobs. */
export type SendContext = Omit<Call<unknown, unknown, unknown>, "body" | "path" | "query"> & {
  readonly key: IdempotencyKey | undefined;
};

const newJob = z
  .strictObject({
    type: text("The job type."),
    payload: z
      .unknown()
      .meta({ description: "Any JSON value. It must fit the schema of the type, if it has one." }),
    queue: text("The logical queue name. By default, the queue of the type.").optional(),
    priority: priority.optional(),
    id: text("The id of the job: 1 to 128 bytes. The same id with another payload is a conflict.")
      .refine((id) => !/^\.\.?$/.test(id), "no path can have this id; choose another one")
      .optional(),
    delay_ms: z.int().min(0).optional().meta({ description: "Milliseconds until the job is due." }),
    scheduled_at: time("When the job is due (RFC 3339). Not together with delay_ms.").optional(),
    max_retries: z.int().min(0).optional().meta({ description: "Runs after the first that failed." }),
    max_attempts: z.int().min(1).optional().meta({ description: "max_retries + 1. Not together with it." }),
    tenant: text("The customer for whom the job runs: 1 to 128 bytes.").optional(),
    tags: z.array(z.string()).optional().meta({ description: "At most 20 labels, each of 1 to 64 bytes." }),
    headers: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: "Strings by name, for the handler." }),
  })
  .superRefine((job, context) => {
    const exclude = (one: string, other: string): void =>
      context.addIssue({ code: "custom", path: [one], message: `not together with ${other}` });
    if (job.delay_ms !== undefined && job.scheduled_at !== undefined) exclude("delay_ms", "scheduled_at");
    if (job.max_retries !== undefined && job.max_attempts !== undefined)
      exclude("max_retries", "max_attempts");
  })
  .meta({ id: "NewJob", description: "A job to send." });

type NewJob = z.output<typeof newJob>;

/** The body of a request that sends a job. */
export const newJobSchema: z.ZodType = newJob;

/** A job without a record. */
interface Untracked {
  readonly id: string;
  readonly type: string;
  readonly status: "queued";
  readonly queue: string;
  readonly priority: Priority;
  readonly tracked: false;
}

/** The outcome of a job that was sent. */
export interface Sent {
  readonly status: 200 | 201 | 202;
  readonly record: JobRecordJson | Untracked;
  /** Set if a part of the request has no effect yet. */
  readonly warning: string | undefined;
  readonly isReplayed: boolean;
}

/**
 * Sends one job.
 * @param body the job as the request has it
 * @param index the number of the job in a request with several
 * @throws Problem or QueueError when the job is not sent
 */
export async function sendJob(context: SendContext, body: unknown, index?: number): Promise<Sent> {
  const { jobs, settings, caller, key } = context;
  const at = index === undefined ? [] : [index];
  refuseLostHeader(body, at);
  const input = checked(newJob, body, "body", at);
  if (input.id !== undefined && key !== undefined)
    throw invalidRequest(
      "The job has an id, and the request has an Idempotency-Key. Each names the job: send one of them.",
    );
  const tenant = tenantOf(caller, input.tenant);
  await demandKnownType(input.type, jobs, caller, settings.anyType);
  // Without the signal of the request: a job that was asked for is sent, also if the client has gone.
  const handle = await sendOrRefuse(context, at, input, {
    queue: input.queue,
    delay: input.scheduled_at === undefined ? input.delay_ms : { at: input.scheduled_at },
    priority: input.priority,
    tenant,
    tags: input.tags,
    ...key?.optionsFor(body, index),
  });
  const record = await recordIfThere(handle);
  // The id may be that of a job of another tenant, which this caller must not see.
  if (!handle.created && caller.tenant !== undefined && record?.tenant !== caller.tenant)
    throw otherRequest("id");
  return {
    status: record === undefined ? 202 : handle.created ? 201 : 200,
    record: record ?? untracked(handle, input),
    warning: warningOf(input.priority),
    isReplayed: !handle.created,
  };
}

/** The schema of a record leaves this name out, and the job would be sent without its header. */
function refuseLostHeader(body: unknown, at: readonly number[]): void {
  const { headers } = (body ?? {}) as { readonly headers?: unknown };
  if (typeof headers !== "object" || headers === null || !Object.hasOwn(headers, "__proto__")) return;
  const detail = "a header cannot have the name __proto__";
  throw invalidRequest(`The body of the request is wrong: ${detail}.`, [
    { detail, pointer: pointerTo([...at, "headers", "__proto__"]) },
  ]);
}

async function sendOrRefuse(
  { jobs, key }: SendContext,
  at: readonly number[],
  input: NewJob,
  options: JobSendOptions,
): Promise<SentJobHandle> {
  try {
    return await jobs.send(messageOf(jobs, input), options);
  } catch (error) {
    if (isQueueError(error, "conflict")) throw otherRequest(key === undefined ? "id" : "Idempotency-Key");
    // Not 404, which would say that the path is wrong.
    if (isQueueError(error, "not_found"))
      throw new Problem(input.queue === undefined ? 503 : 422, "not_found", error.message, { cause: error });
    if (isQueueError(error, "invalid_payload")) throw unfitPayload(error, at);
    throw error;
  }
}

/** The refusal of a payload, with each place at which it does not fit. */
function unfitPayload(error: QueueError, at: readonly number[]): Problem {
  const { status, code, message } = problemOf(error);
  const errors = error.issues.map((issue) => bodyFault([...at, "payload", ...issue.path], issue.message));
  return new Problem(status, code, message, { cause: error, ...(errors.length === 0 ? {} : { errors }) });
}

function otherRequest(name: "id" | "Idempotency-Key"): Problem {
  return new Problem(
    422,
    "conflict",
    `The ${name} was used by another request. Nothing was sent. Choose a new one; to get the job of the first request, repeat it unchanged.`,
  );
}

/** The message of a job. A definition adds its schema, its attempts and its backoff. */
function messageOf(jobs: Jobs, { type, payload, id, headers, ...input }: NewJob): NewMessage {
  const maxAttempts =
    input.max_attempts ?? (input.max_retries === undefined ? undefined : input.max_retries + 1);
  const options: MessageOptions = {
    ...(id === undefined ? {} : { id }),
    ...(headers === undefined ? {} : { headers }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
  };
  const definition = jobs.definitions.find((one) => one.type === type) as
    | { readonly message?: (payload: unknown, options: MessageOptions) => NewMessage }
    | undefined;
  if (typeof definition?.message === "function") return definition.message(payload, options);
  return { type, payload, ...options };
}

/** The record of a job that was sent; undefined if it is not tracked, or if the store has failed since. */
async function recordIfThere(handle: SentJobHandle): Promise<JobRecordJson | undefined> {
  if (!handle.tracked) return undefined;
  const job = await handle.get().catch(() => undefined);
  return job === undefined ? undefined : recordOf(job);
}

function untracked({ id, queue }: SentJobHandle, { type, priority: level = "normal" }: NewJob): Untracked {
  return { id, type, status: "queued", queue, priority: level, tracked: false };
}

function warningOf(level: Priority | undefined): string | undefined {
  if (level === undefined || level === "normal") return undefined;
  return `the priority ${level} is recorded; for now, jobs of all priorities run in the order of their arrival`;
}
