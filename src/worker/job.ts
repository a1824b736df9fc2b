import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { BackoffOptions } from "../backoff.ts";
import { checkBackoff } from "../backoff.ts";
import { checkKeys, type KnownKeys, QueueError } from "../errors.ts";
import type { NewMessage } from "../message/message.ts";
import { type Duration, durationMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";

/** The limits of a job type. */
export interface JobOptions {
  /** Failed runs after which a job is dead-lettered: a whole number, 1 or more. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Overrides parts of the backoff of the worker and of the queue. @default their backoff */
  readonly backoff?: BackoffOptions | undefined;
  /** Time limit of one run; a number is in milliseconds. @default `timeoutMs` of the worker */
  readonly timeoutMs?: Duration | undefined;
  /** Maximum number of runs of this type at once, on each queue of a worker. @default `concurrency` of the worker */
  readonly concurrency?: number | undefined;
}

/** How a job system handles the jobs of a type. A `Worker` without one ignores these options. */
export interface JobRecordOptions {
  /** The logical queue name to which jobs of this type are sent. @default each send names its queue */
  readonly queue?: string | undefined;
  /** Whether jobs of this type are recorded. @default `track` of the job system */
  readonly track?: "full" | "off" | undefined;
  /**
   * Treatment of jobs of this type while the job store cannot be reached: they `run` without a record, or `wait` for it.
   * @default `whenStoreIsDown` of the job system
   */
  readonly whenStoreIsDown?: "run" | "wait" | undefined;
}

/** The options of `register` of a `Worker`. `maxAttempts` is not among them: each message carries its own. */
export type RegisterOptions = Omit<JobOptions, "maxAttempts">;

/** The properties of one message besides its type and payload. */
export type MessageOptions = Omit<NewMessage, "type" | "payload" | "schema">;

declare const RESULT: unique symbol;

/** A message of a job whose result has a known type. For the compiler only: no message has this member. */
export interface Returning<Result> {
  readonly [RESULT]?: Result | undefined;
}

/**
 * A job type with its schema and limits, shared by senders and handlers. Senders pass an `Input`; the schema turns it
 * into the `Output` that the handler receives. A job system records the `Result` that the handler returns.
 */
export interface JobDefinition<Input = unknown, Output = Input, Result = unknown>
  extends JobOptions, JobRecordOptions {
  readonly type: string;
  /** A Standard Schema validator: of zod, valibot, arktype or another library. */
  readonly schema: StandardSchemaV1<Input, Output>;
  /** The schema of the result. A job system validates by it what the handler returns. @default any JSON value */
  readonly result?: StandardSchemaV1<unknown, Result> | undefined;
  /**
   * Returns a message of this type, to pass to `send`. The payload is validated when the message is sent.
   *
   * @example
   * await queue.send("emails", sendWelcome.message({ userId, email }, { dedupId: userId }));
   */
  message(payload: Input, options?: MessageOptions): NewMessage<Input> & Returning<Result>;
}

/** `message` is known, so that a definition may be spread into another one. */
const DEFINITION: KnownKeys<JobDefinition> = {
  type: true,
  schema: true,
  maxAttempts: true,
  backoff: true,
  timeoutMs: true,
  concurrency: true,
  queue: true,
  result: true,
  track: true,
  whenStoreIsDown: true,
  message: true,
};

/**
 * Defines a job type: its name, the schema of its payload, and its limits.
 *
 * @throws QueueError `invalid_options` when the type, the schema or a limit is wrong
 *
 * @example
 * const sendWelcome = defineJob({
 *   type: "send_welcome_email",
 *   schema: z.object({ userId: z.string(), email: z.email() }),
 *   maxAttempts: 3,
 * });
 * await queue.send("emails", sendWelcome.message({ userId, email }));
 * worker.register(sendWelcome, async ({ payload }) => mail(payload.email));
 */
export function defineJob<
  Schema extends StandardSchemaV1,
  ResultSchema extends StandardSchemaV1 = StandardSchemaV1,
>(
  definition: JobOptions &
    JobRecordOptions & {
      readonly type: string;
      readonly schema: Schema;
      readonly result?: ResultSchema | undefined;
    },
): JobDefinition<
  StandardSchemaV1.InferInput<Schema>,
  StandardSchemaV1.InferOutput<Schema>,
  StandardSchemaV1.InferOutput<ResultSchema>
> {
  type Input = StandardSchemaV1.InferInput<Schema>;
  type Output = StandardSchemaV1.InferOutput<Schema>;
  type Result = StandardSchemaV1.InferOutput<ResultSchema>;
  const { type, maxAttempts, backoff } = definition;
  const schema = definition.schema as unknown as StandardSchemaV1<Input, Output>;
  const result = definition.result as StandardSchemaV1<unknown, Result> | undefined;
  if (typeof type !== "string" || type === "") {
    throw new QueueError("invalid_options", `defineJob needs a type: a non-empty string; got ${show(type)}.`);
  }
  checkKeys(`defineJob(${show(type)})`, definition, DEFINITION);
  checkJobOptions(definition, `job ${show(type)}`);
  checkRecordOptions(definition, `defineJob(${show(type)})`);
  if (!isSchema(schema)) {
    throw new QueueError(
      "invalid_options",
      `defineJob(${show(type)}) needs a schema: a Standard Schema validator such as a zod, valibot or arktype schema.`,
    );
  }
  if (result !== undefined && !isSchema(result)) {
    throw new QueueError(
      "invalid_options",
      `defineJob(${show(type)}): result must be a Standard Schema validator such as a zod, valibot or arktype schema; got ${show(result)}.`,
    );
  }
  return {
    ...definition,
    schema,
    result,
    message: (payload, options) => ({
      ...options,
      maxAttempts: options?.maxAttempts ?? maxAttempts,
      backoff: options?.backoff ?? backoff,
      type,
      payload,
      schema,
    }),
  };
}

function isSchema(value: StandardSchemaV1): boolean {
  return typeof value?.["~standard"]?.validate === "function";
}

function checkRecordOptions({ queue, track, whenStoreIsDown }: JobRecordOptions, where: string): void {
  const refuse = (field: string, expected: string, got: unknown): never => {
    throw new QueueError("invalid_options", `${where}: ${field} must be ${expected}; got ${show(got)}.`);
  };
  if (queue !== undefined && (typeof queue !== "string" || queue === ""))
    refuse("queue", "a non-empty string", queue);
  if (track !== undefined && track !== "full" && track !== "off") refuse("track", '"full" or "off"', track);
  if (whenStoreIsDown !== undefined && whenStoreIsDown !== "run" && whenStoreIsDown !== "wait")
    refuse("whenStoreIsDown", '"run" or "wait"', whenStoreIsDown);
}

/**
 * Checks the limits of a job type.
 *
 * @param where the name of the setting, for the error
 * @throws QueueError `invalid_options` when a limit is wrong
 */
export function checkJobOptions(
  { maxAttempts, backoff, timeoutMs, concurrency }: JobOptions,
  where: string,
): void {
  const whole = (field: string, value: number | undefined): void => {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new QueueError(
        "invalid_options",
        `${where}: ${field} must be a whole number, 1 or more; got ${show(value)}.`,
      );
    }
  };
  whole("maxAttempts", maxAttempts);
  whole("concurrency", concurrency);
  if (timeoutMs !== undefined && !(durationMs(timeoutMs) > 0))
    throw new QueueError(
      "invalid_options",
      `${where}: timeoutMs must be a duration, more than 0 milliseconds; got ${show(timeoutMs)}.`,
    );
  if (backoff !== undefined) checkBackoff(backoff, where);
}
