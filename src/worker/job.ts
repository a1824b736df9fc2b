import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { BackoffOptions } from "../backoff.ts";
import { checkBackoff } from "../backoff.ts";
import { QueueError } from "../errors.ts";
import type { NewMessage } from "../message/message.ts";
import { type Duration, durationMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";

/** What a job type fixes once, for its senders and its handler. */
export interface JobOptions {
  /** Runs that may fail before the job is dead-lettered. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Over the queue's backoff. */
  readonly backoff?: BackoffOptions | undefined;
  /** How long one run may take, in milliseconds. @default the worker's */
  readonly timeoutMs?: Duration | undefined;
  /** Runs of this type at once in one worker. @default the worker's concurrency */
  readonly concurrency?: number | undefined;
}

/** What a registration may set; `maxAttempts` is the message's, since it travels with it. */
export type RegisterOptions = Omit<JobOptions, "maxAttempts">;

/** What may be said of one message beside its type and payload. */
export type MessageOptions = Omit<NewMessage, "type" | "payload" | "schema">;

/**
 * A job type: the one place that names it, types and validates its payload, and sets its limits.
 * `Input` is what senders give, `Output` what the handler gets.
 */
export interface JobDefinition<Input = unknown, Output = Input> extends JobOptions {
  readonly type: string;
  /** Any Standard Schema validator: zod, valibot, arktype. */
  readonly schema: StandardSchemaV1<Input, Output>;
  /** A message of this type; its payload is validated when it is sent. */
  message(payload: Input, options?: MessageOptions): NewMessage<Input>;
}

/**
 * Defines a job type.
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
export function defineJob<Schema extends StandardSchemaV1>(
  definition: JobOptions & { readonly type: string; readonly schema: Schema },
): JobDefinition<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> {
  type Input = StandardSchemaV1.InferInput<Schema>;
  type Output = StandardSchemaV1.InferOutput<Schema>;
  const { type, maxAttempts, backoff } = definition;
  const schema = definition.schema as unknown as StandardSchemaV1<Input, Output>;
  if (typeof type !== "string" || type === "") {
    throw new QueueError("invalid_options", `defineJob needs a type: a non-empty string; got ${show(type)}.`);
  }
  checkJobOptions(definition, `job ${show(type)}`);
  if (typeof schema?.["~standard"]?.validate !== "function") {
    throw new QueueError(
      "invalid_options",
      `defineJob(${show(type)}) needs a schema: a Standard Schema validator such as a zod, valibot or arktype schema.`,
    );
  }
  return {
    ...definition,
    schema,
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

/** Refuses limits that make no sense. `where` names them in the error. */
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
