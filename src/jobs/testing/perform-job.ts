import { defaultBackoff, mergeBackoff } from "../../backoff.ts";
import { checkKeys, type KnownKeys, QueueError } from "../../errors.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { show } from "../../lib/text.ts";
import { withPayload } from "../../message/complete-message.ts";
import type { Message } from "../../message/message.ts";
import { completeMessage } from "../../message/new-message.ts";
import { validatePayload } from "../../message/schema.ts";
import { dispositionOfFailure, isDisposition } from "../../queue/disposition.ts";
import type { JobDefinition } from "../../worker/job.ts";
import type { TrackedHandler } from "../jobs-worker.ts";
import type { Json } from "../json.ts";
import type { JobLogLine, Priority } from "../store/job-row.ts";
import { jsonOf } from "../track/kept-json.ts";
import { keptResult, MAX_RESULT_BYTES, validResult } from "../track/result.ts";
import { type PerformedProgress, Performing } from "./performing.ts";

/** The options of {@link performJob}. */
export interface PerformJobOptions {
  /** The number of the attempt. @default 1 */
  readonly attempt?: number | undefined;
  /** The checkpoint that a run before has saved. @default none */
  readonly saved?: Json | undefined;
  /** The results of the steps that a run before has done, as `steps` of its outcome. @default none */
  readonly steps?: Readonly<Record<string, Json>> | undefined;
  /** @default a new one */
  readonly id?: string | undefined;
  /** The logical queue name that the handler sees. @default the queue of the definition, or `test` */
  readonly queue?: string | undefined;
  /** @default none */
  readonly tenant?: string | undefined;
  /** @default normal */
  readonly priority?: Priority | undefined;
  /** Cancels the job, as `cancel` of `Jobs` does: the signal of the handler is aborted. @default none */
  readonly signal?: AbortSignal | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** The end of a run, as its record would say. */
export interface PerformedJob<Result = unknown> {
  /**
   * - `completed`: The handler returned.
   * - `retrying`: The handler threw, and attempts are left.
   * - `failed`: The handler threw a `PermanentError`, or no attempt is left: the job is dead-lettered.
   * - `cancelled`: The handler threw after the job was cancelled.
   */
  readonly status: "completed" | "retrying" | "failed" | "cancelled";
  /** The result that is recorded; undefined if there is none. */
  readonly result: Result | undefined;
  /** Why there is no result although the job completed. */
  readonly resultOmitted: "too_large" | "not_json" | undefined;
  /** The error of the handler; undefined if it returned. */
  readonly error: unknown;
  /** Milliseconds until the next attempt of a job that is `retrying`, without jitter. */
  readonly retryInMs: number | undefined;
  /** Each report of progress, in their order. */
  readonly progress: readonly PerformedProgress[];
  readonly logs: readonly JobLogLine[];
  /** The last checkpoint, to pass to the next run. */
  readonly saved: Json | undefined;
  /** The results of the steps that are done, and the places of iterations, to pass to the next run. */
  readonly steps: Readonly<Record<string, Json>>;
}

const OPTIONS: KnownKeys<PerformJobOptions> = {
  attempt: true,
  saved: true,
  steps: true,
  id: true,
  queue: true,
  tenant: true,
  priority: true,
  signal: true,
  clock: true,
};

/**
 * Runs a handler once, without a queue, a worker and a store, and resolves with what its record would say. The payload is
 * validated as a worker does it, and the result as well. Time limits do not apply.
 *
 * @throws QueueError `invalid_payload` when the payload does not match the schema of the definition
 * @throws QueueError `invalid_options`, `invalid_message` when an option or the payload is wrong
 *
 * @example
 * const first = await performJob(resize, handler, { url, width: 400 });
 * assert.equal(first.status, "retrying");
 * const second = await performJob(resize, handler, { url, width: 400 }, { attempt: 2, steps: first.steps });
 * assert.deepEqual(second.result, { url: "https://cdn.example.com/1.png" });
 */
export async function performJob<Input, Output, Result>(
  definition: JobDefinition<Input, Output, Result>,
  handler: TrackedHandler<Output, Result>,
  payload: Input,
  options: PerformJobOptions = {},
): Promise<PerformedJob<Result>> {
  checkKeys("performJob", options, OPTIONS);
  const { attempt = 1, saved, steps = {}, clock = systemClock, queue = definition.queue ?? "test" } = options;
  if (!(Number.isSafeInteger(attempt) && attempt >= 1))
    throw new QueueError(
      "invalid_options",
      `performJob: attempt is a whole number, 1 or more; got ${show(attempt)}.`,
    );
  const message = await received(definition, payload, options, clock);
  const { signal = new AbortController().signal } = options;
  const context = new Performing(message, { clock, queue, attempt, saved, steps, signal });
  const outcome = await outcomeOf(definition, handler, message, context);
  const { kept, reports: progress } = context;
  return { ...outcome, progress, logs: kept.logs ?? [], saved: context.saved, steps: kept.steps ?? {} };
}

type Outcome<Result> = Pick<
  PerformedJob<Result>,
  "status" | "result" | "resultOmitted" | "error" | "retryInMs"
>;

/** The outcome of the run without what the handler has reported. */
async function outcomeOf<Input, Output, Result>(
  { type, result: schema, backoff: narrower }: JobDefinition<Input, Output, Result>,
  handler: TrackedHandler<Output, Result>,
  message: Message<Output>,
  context: Performing,
): Promise<Outcome<Result>> {
  const none = { result: undefined, resultOmitted: undefined, error: undefined, retryInMs: undefined };
  try {
    const returned: unknown = await handler(message, context);
    if (isDisposition(returned))
      throw new QueueError(
        "invalid_options",
        `The handler of ${show(type)} returned a disposition, but the return value of a Worker's handler is the job's result. Throw an error to retry the job; return to complete it.`,
      );
    const value = schema === undefined ? returned : await validResult(schema, type, returned);
    const { result, resultOmitted } = keptResult(value, type, MAX_RESULT_BYTES, () => undefined);
    return { ...none, status: "completed", result: result?.value as Result | undefined, resultOmitted };
  } catch (error) {
    const { attempt, signal } = context;
    if (signal.aborted) return { ...none, status: "cancelled", error };
    const backoff = { ...mergeBackoff(defaultBackoff, narrower), jitter: false };
    const { maxAttempts } = message;
    const asked = dispositionOfFailure({
      error,
      attempt,
      failures: attempt,
      maxAttempts,
      backoff,
      random: () => 0,
    });
    return asked.kind === "retry"
      ? { ...none, status: "retrying", error, retryInMs: asked.delayMs }
      : { ...none, status: "failed", error };
  }
}

/** The message as a worker would receive it: its payload was JSON meanwhile. */
async function received<Input, Output>(
  { type, schema, maxAttempts }: JobDefinition<Input, Output>,
  payload: Input,
  { id, tenant, priority }: PerformJobOptions,
  clock: Clock,
): Promise<Message<Output>> {
  await validatePayload(schema, type, payload, "sent");
  const json = JSON.parse(jsonOf(payload, "payload", `the job ${show(type)}`)) as Json;
  const message = completeMessage({ type, payload: json, id, maxAttempts, tenant, priority }, clock.now());
  const output = await validatePayload(schema, type, json, "received");
  return withPayload(message, output) as Message<Output>;
}
