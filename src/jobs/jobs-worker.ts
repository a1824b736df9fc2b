import type { JobDefinition, RegisterOptions } from "../worker/job.ts";
import type { Message } from "../message/message.ts";
import type { Middleware, WorkerEvents, WorkerOptions } from "../worker/types.ts";
import type { Worker } from "../worker/worker.ts";
import type { TrackedContext } from "./tracked-context.ts";

/** Handles one job that is tracked. The returned value is the result of the job. */
export type TrackedHandler<Payload = unknown, Result = unknown> = (
  message: Message<Payload>,
  context: TrackedContext,
) => Result | Promise<Result>;

/** The options of `worker` of `Jobs`. */
export interface JobsWorkerOptions extends WorkerOptions {
  /**
   * Bytes of a result, as JSON; at most 262144. A larger one is not recorded, and its job is complete all the same.
   * @default 65536
   */
  readonly maxResultBytes?: number | undefined;
}

/** A `Worker` whose handlers are tracked: they get a {@link TrackedContext}, and the values that they return are recorded. */
export interface JobsWorker extends Omit<Worker, "register" | "use" | "on" | "off" | "once"> {
  /** The id of this worker in records, such as `host-4242-1`. */
  readonly id: string;
  /** Adds a middleware around every handler, as `use` of a `Worker`. */
  use(middleware: Middleware): this;
  /** Adds a listener of an event, as `on` of a `Worker`. */
  on<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this;
  /** Removes a listener. */
  off<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this;
  /** Adds a listener that is called at most once. */
  once<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this;
  /**
   * Registers the handler of a job definition. The schema of the definition validates and types the payload, and its
   * result schema the returned value: a result that does not match fails the job for good.
   *
   * @throws QueueError `duplicate_handler` when the type has a handler
   * @throws QueueError `invalid_options` when the type, the handler or an option is wrong
   *
   * @example
   * worker.register(resize, async ({ payload }, job) => {
   *   const image = await job.step("download", () => download(payload.url));
   *   return { url: await store(image, payload.width) };
   * });
   */
  register<Input, Output, Result = unknown>(
    job: JobDefinition<Input, Output, Result>,
    handler: TrackedHandler<Output, Result>,
    options?: RegisterOptions,
  ): this;
  /**
   * Registers the handler of a job type by its name. Neither payload nor result is validated.
   *
   * @throws QueueError `duplicate_handler` when the type has a handler
   * @throws QueueError `invalid_options` when the type, the handler or an option is wrong
   */
  register<Payload = any>(type: string, handler: TrackedHandler<Payload>, options?: RegisterOptions): this;
  /**
   * When the next job of these queues is to be sent from its record, in epoch milliseconds; undefined if there is none.
   * @internal
   */
  nextDueAt(queues: readonly string[]): Promise<number | undefined>;
}
