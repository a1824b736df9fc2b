import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { BackoffOptions } from "../backoff.ts";
import { defaults } from "../defaults.ts";
import { QueueError } from "../errors.ts";
import { closest } from "../lib/closest.ts";
import { show } from "../lib/text.ts";
import type { NewMessage } from "../message/message.ts";
import type { JobsOptions } from "./jobs-options.ts";
import type { JobMessage } from "./send/facts.ts";
import type { JobSendOptions } from "./send/send-options.ts";

/** The members of a job definition that matter to a sender. */
interface KnownType {
  readonly type: string;
  readonly queue?: string | undefined;
  readonly track?: "full" | "off" | undefined;
  readonly maxAttempts?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
  readonly schema?: StandardSchemaV1 | undefined;
}

/** The job types that `createJobs` was given, and the rules for all others. */
export class JobTypes {
  readonly #known = new Map<string, KnownType>();
  readonly #queueOf: JobsOptions["queueOf"];
  readonly #track: "full" | "off";
  readonly #maxAttempts: number;

  constructor({ definitions = [], queueOf, track = "full", maxAttempts }: TypeOptions) {
    if (!Array.isArray(definitions)) throw invalid(`definitions is a list; got ${show(definitions)}`);
    for (const one of definitions as readonly KnownType[]) {
      if (typeof one?.type !== "string" || one.type === "")
        throw invalid(`each of definitions has a type, as defineJob returns it; got ${show(one)}`);
      if (this.#known.has(one.type)) throw invalid(`two definitions have the type ${show(one.type)}`);
      this.#known.set(one.type, one);
    }
    if (queueOf !== undefined && typeof queueOf !== "function")
      throw invalid(`queueOf is a function; got ${show(queueOf)}`);
    if (track !== "full" && track !== "off") throw invalid(`track is "full" or "off"; got ${show(track)}`);
    if (maxAttempts !== undefined && !(Number.isSafeInteger(maxAttempts) && maxAttempts >= 1))
      throw invalid(`maxAttempts is a whole number, 1 or more; got ${show(maxAttempts)}`);
    this.#queueOf = queueOf;
    this.#track = track;
    this.#maxAttempts = maxAttempts ?? defaults.maxAttempts;
  }

  get names(): string[] {
    return [...this.#known.keys()];
  }

  /** Whether jobs of this type are recorded. */
  isTracked(type: string): boolean {
    return (this.#known.get(type)?.track ?? this.#track) === "full";
  }

  /**
   * A message with the options of its send, and with the settings of its definition for those that it does not have. A new
   * object, which the caller may complete.
   */
  completed(
    message: NewMessage,
    { priority, tenant }: Pick<JobSendOptions, "priority" | "tenant">,
  ): { -readonly [Name in keyof JobMessage]: JobMessage[Name] } {
    const known = this.#known.get(message.type);
    return {
      ...message,
      id: message.id,
      maxAttempts: message.maxAttempts ?? known?.maxAttempts ?? this.#maxAttempts,
      backoff: message.backoff ?? known?.backoff,
      schema: message.schema ?? known?.schema,
      priority: priority ?? message.priority,
      tenant: tenant ?? message.tenant,
    };
  }

  /**
   * The logical queue name of a message.
   * @throws QueueError `invalid_options` when none is known
   */
  queueOf(message: NewMessage, given: string | undefined): string {
    const queue = given ?? this.#known.get(message.type)?.queue ?? this.#queueOf?.(message);
    if (typeof queue === "string" && queue !== "") return queue;
    if (queue !== undefined)
      throw new QueueError("invalid_options", `A queue name is a non-empty string; got ${show(queue)}.`);
    const { type } = message;
    const near = typeof type === "string" ? closest(type, [...this.#known.keys()]) : undefined;
    const hint = near === undefined || near === type ? "" : ` Did you mean ${show(near)}?`;
    throw new QueueError(
      "invalid_options",
      `The queue of job type ${show(type)} is not known.${hint} Give send the option queue, or name the queue in its definition, which createJobs takes in definitions.`,
    );
  }
}

type TypeOptions = Pick<JobsOptions, "definitions" | "queueOf" | "track" | "maxAttempts">;

function invalid(what: string): QueueError {
  return new QueueError("invalid_options", `createJobs: ${what}.`);
}
