import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ACK, type Disposition } from "../disposition.ts";
import { isQueueError } from "../errors.ts";
import { type Message, withPayload } from "../message.ts";
import type { ReceiveContext } from "../queue.ts";
import { validatePayload } from "../schema.ts";
import { Execution, type ExecutionHost } from "./execution.ts";
import type { HealthRecord } from "./health.ts";
import { through } from "./middleware.ts";
import type { Registry } from "./registry.ts";
import type { JobHandler, Middleware } from "./types.ts";
import { unknownType } from "./unknown-type.ts";

export interface PerformerOptions {
  readonly registry: Registry;
  /** Those of the worker, which may add to them. */
  readonly middleware: readonly Middleware[];
  readonly health: HealthRecord;
  readonly host: ExecutionHost;
  readonly unknownTypeMaxAgeMs: number;
}

/** Does one job: finds its handler, has its payload judged, and says what becomes of its message. */
export class Performer {
  readonly #options: PerformerOptions;

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** Not async, nor what it calls, for the same reason as `Running.start`. */
  readonly handle = (message: Message, context: ReceiveContext): Disposition | Promise<Disposition> => {
    const { registry, health, host, unknownTypeMaxAgeMs } = this.#options;
    const registration = registry.get(message.type);
    if (registration === undefined)
      return unknownType(message.type, context.unknownSince, context.startedAt, unknownTypeMaxAgeMs);
    const execution = new Execution(message, context, registration, host);
    health.began(execution);
    const { schema, handler } = registration;
    if (schema === undefined) return this.#perform(handler, message, execution);
    let job: Message | Promise<Message>;
    try {
      job = validated(schema, message);
    } catch (error) {
      return this.#refused(error, execution);
    }
    if (!(job instanceof Promise)) return this.#perform(handler, job, execution);
    return job.then(
      (late) => this.#perform(handler, late, execution),
      (error: unknown) => this.#refused(error, execution),
    );
  };

  #perform(handler: JobHandler, job: Message, execution: Execution): Promise<Disposition> {
    const { middleware } = this.#options;
    let working: unknown;
    try {
      working =
        middleware.length === 0
          ? handler(job, execution)
          : through(middleware, { message: job, context: execution }, () => handler(job, execution));
    } catch (error) {
      working = Promise.reject(error);
    }
    return Promise.resolve(working).then(
      () => {
        this.#end(execution);
        return ACK;
      },
      (error: unknown) => {
        this.#end(execution);
        return execution.failed(error);
      },
    );
  }

  #refused(error: unknown, execution: Execution): Disposition {
    this.#end(execution);
    // A schema that throws has not judged the payload: that is a run that failed.
    if (!isQueueError(error, "invalid_payload")) return execution.failed(error);
    return { kind: "dead_letter", reason: "invalid_payload", error, ran: false };
  }

  #end(execution: Execution): void {
    execution.end();
    this.#options.health.ended(execution);
  }
}

/** At once where the schema answers at once. */
function validated(schema: StandardSchemaV1, message: Message): Message | Promise<Message> {
  const payload = validatePayload(schema, message.type, message.payload);
  return payload instanceof Promise
    ? payload.then((late) => withPayload(message, late))
    : withPayload(message, payload);
}
