import type { StandardSchemaV1 } from "@standard-schema/spec";
import { checkKeys, type KnownKeys, QueueError } from "../errors.ts";
import { optionalMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";
import { checkJobOptions, type JobDefinition, type JobOptions, type RegisterOptions } from "./job.ts";
import type { JobHandler } from "./types.ts";

/** One registered job type: its handler, schema and limits. */
export interface Registration extends Omit<JobOptions, "timeoutMs"> {
  /** Time limit of one run, in milliseconds; undefined if the worker's applies. */
  readonly timeoutMs: number | undefined;
  readonly type: string;
  /** Undefined if the type was registered by its name. */
  readonly schema: StandardSchemaV1 | undefined;
  readonly handler: JobHandler;
}

const REGISTER_OPTIONS: KnownKeys<RegisterOptions> = { backoff: true, timeoutMs: true, concurrency: true };

/** The registered job types of a worker. */
export class Registry {
  readonly #byType = new Map<string, Registration>();

  add(job: string | JobDefinition<any, any>, handler: JobHandler<any>, options: RegisterOptions = {}): void {
    const definition: JobOptions & { readonly type: string; readonly schema?: StandardSchemaV1 } =
      typeof job === "object" && job !== null ? job : { type: job };
    const { type, schema } = definition;
    if (typeof type !== "string" || type === "") {
      throw new QueueError(
        "invalid_options",
        `register needs a type, a non-empty string, or a job definition; got ${show(type)}.`,
      );
    }
    if (typeof handler !== "function") {
      throw new QueueError(
        "invalid_options",
        `register(${show(type)}) needs a handler function; got ${show(handler)}.`,
      );
    }
    if (this.#byType.has(type)) {
      throw new QueueError(
        "duplicate_handler",
        `A handler for ${show(type)} is registered already. Remove one of the two, or give the job another type.`,
      );
    }
    checkKeys(`register(${show(type)})`, options, REGISTER_OPTIONS);
    const merged: JobOptions = {
      maxAttempts: definition.maxAttempts,
      backoff: options.backoff ?? definition.backoff,
      timeoutMs: options.timeoutMs ?? definition.timeoutMs,
      concurrency: options.concurrency ?? definition.concurrency,
    };
    checkJobOptions(merged, `register(${show(type)})`);
    this.#byType.set(type, { type, schema, handler, ...merged, timeoutMs: optionalMs(merged.timeoutMs) });
  }

  get(type: string): Registration | undefined {
    return this.#byType.get(type);
  }

  get all(): readonly Registration[] {
    return [...this.#byType.values()];
  }
}
