import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../lib/clock.ts";
import type { Disposition } from "../queue/disposition.ts";
import { isQueueError, type QueueError } from "../errors.ts";
import { withPayload } from "../message/complete-message.ts";
import type { Message } from "../message/message.ts";
import type { ManagedRun } from "../queue/managed-receive.ts";
import { validatePayload } from "../message/schema.ts";
import { Execution, type ExecutionHost } from "./execution.ts";
import type { HealthRecord } from "./health.ts";
import { through } from "./middleware.ts";
import type { Registry } from "./registry.ts";
import type { JobHandler, Middleware } from "./types.ts";
import { unknownType } from "./unknown-type.ts";

export interface ExecutorOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  /** The worker's list, to which the worker may add. */
  readonly middleware: readonly Middleware[];
  readonly health: HealthRecord;
  readonly host: ExecutionHost;
  readonly unknownTypeMaxAgeMs: number;
}

/** Executes jobs: finds the handler, validates the payload, and runs the middleware and the handler. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /**
   * Executes one job. Neither this function nor `#execute` is async, for the reason that `Runner.start` gives. The
   * {@link Execution} decides the disposition.
   */
  readonly handle = (
    message: Message,
    context: ManagedRun,
  ): Disposition | void | Promise<Disposition | void> => {
    const { registry, health, host, unknownTypeMaxAgeMs } = this.#options;
    const registration = registry.get(message.type);
    if (registration === undefined) {
      const { unknownSince, queue } = context;
      const now = this.#options.clock.now();
      host.unknownType(message, queue, (unknownSince ?? now) + unknownTypeMaxAgeMs);
      return unknownType(message.type, unknownSince, now, unknownTypeMaxAgeMs);
    }
    const execution = new Execution(message, context, registration, host);
    health.began(execution);
    const { schema, handler } = registration;
    if (schema === undefined) return this.#execute(handler, message, context, execution);
    let job: Message | Promise<Message>;
    try {
      job = validated(schema, message);
    } catch (error) {
      return this.#refused(error, execution);
    }
    if (!(job instanceof Promise)) return this.#execute(handler, job, context, execution);
    return job.then<Disposition | void, Disposition>(
      (late) => {
        context.decidedBy(execution);
        // While the schema was busy, the run may have reached its time limit or lost its lease.
        context.signal.throwIfAborted();
        return this.#execute(handler, late, context, execution);
      },
      (error: unknown) => this.#refused(error, execution),
    );
  };

  /**
   * Calls the handler through the middleware. `execution` decides from the result, or from the error that is thrown.
   */
  #execute(handler: JobHandler, job: Message, context: ManagedRun, execution: Execution): Promise<void> {
    const { middleware, host } = this.#options;
    context.decidedBy(execution);
    if (middleware.length === 0) return handler(job, execution) as Promise<void>;
    let result: unknown;
    const handle = async (): Promise<void> => {
      result = await handler(job, execution);
    };
    const onLate = (error: QueueError): void => host.misused(context.queue, error);
    const wrapped = through(middleware, { message: job, context: execution }, handle, onLate);
    return wrapped.then(() => result) as Promise<void>;
  }

  #refused(error: unknown, execution: Execution): Disposition {
    const now = this.#options.clock.monotonic();
    // A schema that throws another error has not validated the payload. This counts as a failed run.
    if (!isQueueError(error, "invalid_payload")) return execution.threw(error, now);
    execution.end(now);
    return { kind: "dead_letter", reason: "invalid_payload", error, ran: false };
  }
}

/** Returns the message with its validated payload; a promise only if the schema is asynchronous. */
function validated(schema: StandardSchemaV1, message: Message): Message | Promise<Message> {
  const payload = validatePayload(schema, message.type, message.payload, "received");
  return payload instanceof Promise
    ? payload.then((late) => withPayload(message, late))
    : withPayload(message, payload);
}
