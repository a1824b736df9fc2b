import { closest } from "./lib/closest.ts";
import { type Duration, durationMs } from "./lib/duration.ts";
import { asText, show } from "./lib/text.ts";

/**
 * The stable code of a {@link QueueError}.
 *
 * - `invalid_message`, `invalid_payload`, `invalid_headers`, `invalid_delay`, `invalid_options`: The input is wrong.
 *   Nothing was sent.
 * - `too_large`: The message exceeds a size limit of the provider. Nothing was sent.
 * - `queue_full`: The queue accepts no more messages at the moment. Nothing was sent.
 * - `not_found`: The queue does not exist at the provider.
 * - `not_supported`: The provider, or its adapter, does not offer this operation or option.
 * - `auth`: The credentials are missing, or they lack a permission.
 * - `send_failed`: The provider refused the message, or it could not be reached before the deadline. The message was
 *   not sent.
 * - `send_unknown`: The outcome is unknown. The message may or may not have been sent.
 * - `send_timeout`: The deadline passed before the message left this process. The message was not sent.
 * - `unavailable`: The provider could not be reached.
 * - `closed`: The queue was closed, or the worker was stopped.
 * - `duplicate_handler`: A worker has two handlers for one job type.
 * - `no_handlers`: A worker was started without a handler.
 * - `already_running`: A worker was started while it was running.
 * - `drain_incomplete`: Jobs were still running after the drain deadline and its grace.
 * - `draining`: The reason of a handler's signal that was aborted at the drain deadline.
 * - `lease_lost`: Another receiver may own the message. The settlement was discarded.
 * - `timeout`: A job ran longer than its time limit.
 * - `config`: A configuration is invalid.
 * - `missing_dependency`: An optional package is not installed.
 * - `store_unavailable`: The job store could not be reached, or did not answer in time.
 * - `conflict`: The job is in another state than the call needs, or another job has this id.
 * - `unknown_type`: No job definition has this type.
 * - `cancelled`: The job was cancelled. Also the reason of the signal of its handler.
 * - `job_failed`: The job failed, so it has no result.
 * - `untracked`: There is no record of the job.
 * - `provider`: The provider reported any other error.
 */
export type ErrorCode =
  | "invalid_message"
  | "invalid_payload"
  | "invalid_headers"
  | "invalid_delay"
  | "invalid_options"
  | "too_large"
  | "queue_full"
  | "not_found"
  | "not_supported"
  | "auth"
  | "send_failed"
  | "send_unknown"
  | "send_timeout"
  | "unavailable"
  | "closed"
  | "duplicate_handler"
  | "no_handlers"
  | "already_running"
  | "drain_incomplete"
  | "draining"
  | "lease_lost"
  | "timeout"
  | "config"
  | "missing_dependency"
  | "store_unavailable"
  | "conflict"
  | "unknown_type"
  | "cancelled"
  | "job_failed"
  | "untracked"
  | "provider";

/** One place at which a payload does not fit its schema. */
export interface PayloadIssue {
  /** The keys from the payload to the value; empty for the whole payload. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The properties of a {@link QueueError} besides its code and message. */
export interface QueueErrorDetails {
  /** The logical queue name; undefined if the error does not concern one queue. */
  readonly queue?: string | undefined;
  /** Whether the same call may succeed later. @default false */
  readonly retryable?: boolean;
  /** The places at which a payload does not fit. @default [] */
  readonly issues?: readonly PayloadIssue[];
  /** The original error, for example the provider's. */
  readonly cause?: unknown;
}

/**
 * The error class of queueport. The message states what was attempted, on which queue, and what to do now. The message
 * may change between versions; the `code` does not.
 *
 * @example
 * try {
 *   await queue.send("emails", message);
 * } catch (error) {
 *   if (error instanceof QueueError && error.retryable) await sendLater(message);
 *   else throw error;
 * }
 */
export class QueueError extends Error {
  override readonly name: string = "QueueError";
  readonly code: ErrorCode;
  /** The logical queue name; undefined if the error does not concern one queue. */
  readonly queue: string | undefined;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Private, so that an error that is printed shows no empty list. */
  readonly #issues: readonly PayloadIssue[];

  constructor(code: ErrorCode, message: string, details: QueueErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.queue = details.queue;
    this.retryable = details.retryable ?? false;
    this.#issues = details.issues ?? [];
  }

  /** The places at which a payload does not fit its schema, at most 100; empty for an error of another kind. */
  get issues(): readonly PayloadIssue[] {
    return this.#issues;
  }

  /**
   * Includes the message, which `JSON.stringify` omits from an error: an outcome of `sendBatch` can be logged as JSON.
   */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, code, message, queue, retryable, issues } = this;
    return { name, code, message, queue, retryable, ...(issues.length === 0 ? {} : { issues }) };
  }
}

/**
 * Returns whether `error` is a {@link QueueError} and, if `code` is given, has this code.
 *
 * @example
 * if (isQueueError(error, "queue_full")) await later();
 */
export function isQueueError<Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is QueueError & { readonly code: Code } {
  return isInstance(error, QueueError) && (code === undefined || error.code === code);
}

/**
 * `error instanceof type`, and false where that throws. A handler may throw anything, such as a proxy whose traps throw.
 */
export function isInstance<T>(error: unknown, type: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof type;
  } catch {
    return false;
  }
}

/** Every option of `Options`. The compiler requires each of them, and no other. */
export type KnownKeys<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses options that do not exist, so that a misspelling has no silent effect. An unknown option that is undefined passes.
 *
 * @param where the function or class that takes the options, for the error
 * @throws QueueError `invalid_options`, with the known option that was probably meant
 */
export function checkKeys<Options extends object>(
  where: string,
  options: Options,
  known: KnownKeys<Options>,
): void {
  for (const key in options) {
    if (Object.hasOwn(known, key) || options[key] === undefined) continue;
    const names = Object.keys(known);
    const near = closest(key, names);
    const hint = near === undefined ? `known: ${names.join(", ")}.` : `did you mean ${near}?`;
    throw new QueueError("invalid_options", `${where}: unknown option ${show(key)}; ${hint}`);
  }
}

/**
 * The error that a handler throws if its job can never succeed. The job is dead-lettered immediately, even if attempts
 * remain.
 *
 * @example
 * worker.register("send_invoice", async ({ payload }) => {
 *   if (!(await accountExists(payload.accountId))) throw new PermanentError("the account was deleted");
 * });
 */
export class PermanentError extends Error {
  override readonly name: string = "PermanentError";
}

/**
 * The error that a handler throws to choose the delay of the next attempt; the backoff is not used. The run counts as a
 * failed attempt.
 *
 * @example
 * if (response.status === 429) throw new RetryAfterError("30s", "rate limited");
 */
export class RetryAfterError extends Error {
  override readonly name: string = "RetryAfterError";
  /** Milliseconds until the next attempt; 0 means immediately. */
  readonly delayMs: number;

  /**
   * @param delay the time until the next attempt; a number is in milliseconds
   * @throws QueueError `invalid_delay` when the delay is negative, not finite or not a duration
   */
  constructor(delay: Duration, message?: string, options?: ErrorOptions) {
    const delayMs = durationMs(delay);
    super(message ?? `retry after ${delayMs} ms`, options);
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new QueueError(
        "invalid_delay",
        `RetryAfterError takes a finite duration, 0 or more milliseconds; got ${show(delay)}.`,
      );
    }
    this.delayMs = delayMs;
  }
}

/** Describes any thrown value in one line. Never throws, even if a getter of the value does. */
export function describeError(error: unknown): string {
  try {
    if (!(error instanceof Error)) return describeThrown(error);
    const message = asText(error.message);
    return message === "" ? asText(error.name) : `${asText(error.name)}: ${message}`;
  } catch {
    return "an error that cannot be read";
  }
}

/**
 * A thrown value that is no error. Clients of APIs throw plain objects with a message. The fields of another object are
 * named and not quoted, since they may be secret.
 */
function describeThrown(value: unknown): string {
  const text = asText(value);
  if (text !== "[object Object]") return text;
  const { name, message } = value as { readonly name?: unknown; readonly message?: unknown };
  if (typeof message === "string" && message !== "") {
    return typeof name === "string" && name !== "" ? `${name}: ${message}` : message;
  }
  const keys = Object.keys(value as object);
  if (keys.length === 0) return "an object without fields";
  return `an object with ${keys.slice(0, 5).join(", ")}${keys.length > 5 ? " and more" : ""}`;
}
