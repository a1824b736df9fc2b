import type { JobDefinition, RegisterOptions } from "../worker/job.ts";
import type { Message } from "../message/message.ts";
import type { Worker } from "../worker/worker.ts";
import type { Json } from "./json.ts";
import type { TrackedContext } from "./tracked-context.ts";

/** Handles one job that is tracked. What it returns is the result of the job. */
export type TrackedHandler<Payload = unknown, Result = unknown> = (
  message: Message<Payload>,
  context: TrackedContext,
) => Result | Promise<Result>;

/** A `Worker` whose handlers are tracked: they get a {@link TrackedContext}, and what they return is recorded. */
export interface JobsWorker extends Omit<Worker, "register"> {
  /** The id of this worker in records, such as `host-4242-1`. */
  readonly id: string;
  register<Input, Output>(
    job: JobDefinition<Input, Output>,
    handler: TrackedHandler<Output, Json | undefined | void>,
    options?: RegisterOptions,
  ): this;
  register<Payload = any>(
    type: string,
    handler: TrackedHandler<Payload, Json | undefined | void>,
    options?: RegisterOptions,
  ): this;
}
