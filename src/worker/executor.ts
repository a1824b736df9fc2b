import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../lib/clock.ts";
import type { Disposition } from "../queue/disposition.ts";
import { isQueueError } from "../errors.ts";
import { type Message, withPayload } from "../message/message.ts";
import type { ManagedRun } from "../queue/managed-receive.ts";
import { validatePayload } from "../message/schema.ts";
import { Execution, type ExecutionHost } from "./execution.ts";
import type { HealthRecord } from "./health.ts";
import { through } from "./middleware.ts";
import type { Registry } from "./registry.ts";
import type { JobHandler, Middleware } from "./types.ts";
import { unknownType } from "./unknown-type.ts";

export interface PerformerOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  /** Those of the worker, which may add to them. */
  readonly middleware: readonly Middleware[];
  readonly health: HealthRecord;
  readonly host: ExecutionHost;
  readonly unknownTypeMaxAgeMs: number;
}

/** Does one job: finds its handler, has its payload judged, and says what becomes of its message. */
export class Executor {
  readonly #options: PerformerOptions;

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** Not async, nor what it calls, for the same reason as `Runner.start`; and what its end means, its execution says. */
  readonly handle = (
    message: Message,
    context: ManagedRun,
  ): Disposition | void | Promise<Disposition | void> => {
    const { registry, health, host, unknownTypeMaxAgeMs } = this.#options;
    const registration = registry.get(message.type);
    if (registration === undefined)
      return unknownType(message.type, context.unknownSince, context.startedAt, unknownTypeMaxAgeMs);
    const execution = new Execution(message, context, registration, host);
    health.began(execution);
    const { schema, handler } = registration;
    if (schema === undefined) return this.#perform(handler, message, context, execution);
    let job: Message | Promise<Message>;
    try {
      job = validated(schema, message);
    } catch (error) {
      return this.#refused(error, execution);
    }
    if (!(job instanceof Promise)) return this.#perform(handler, job, context, execution);
    return job.then<Disposition | void, Disposition>(
      (late) => {
        context.decidedBy(execution);
        // While its schema took its time, its own may have run out, or somebody else have got the message.
        context.signal.throwIfAborted();
        return this.#perform(handler, late, context, execution);
      },
      (error: unknown) => this.#refused(error, execution),
    );
  };

  /** What it throws, or comes to, its execution judges. */
  #perform(handler: JobHandler, job: Message, context: ManagedRun, execution: Execution): Promise<void> {
    const { middleware } = this.#options;
    context.decidedBy(execution);
    const working: unknown =
      middleware.length === 0
        ? handler(job, execution)
        : through(middleware, { message: job, context: execution }, () => handler(job, execution));
    return working as Promise<void>;
  }

  #refused(error: unknown, execution: Execution): Disposition {
    const now = this.#options.clock.now();
    // A schema that throws has not judged the payload: that is a run that failed.
    if (!isQueueError(error, "invalid_payload")) return execution.threw(error, now);
    execution.end(now);
    return { kind: "dead_letter", reason: "invalid_payload", error, ran: false };
  }
}

/** At once where the schema answers at once. */
function validated(schema: StandardSchemaV1, message: Message): Message | Promise<Message> {
  const payload = validatePayload(schema, message.type, message.payload);
  return payload instanceof Promise
    ? payload.then((late) => withPayload(message, late))
    : withPayload(message, payload);
}
