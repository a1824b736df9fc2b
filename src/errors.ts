import { type Duration, durationMs } from "./lib/duration.ts";
import { asText, show } from "./lib/text.ts";

/**
 * Every way in which queueport refuses or fails, as a stable code.
 *
 * - `invalid_message`, `invalid_payload`, `invalid_headers`, `invalid_delay`, `invalid_options`: the input is wrong; nothing was sent.
 * - `too_large`: the message exceeds the provider's limit; nothing was sent.
 * - `queue_full`: the queue takes no more messages now; nothing was sent.
 * - `not_found`: the queue does not exist at the provider.
 * - `not_supported`: this provider cannot do what was asked.
 * - `auth`: the credentials are missing or lack a permission.
 * - `send_failed`: the provider refused the message, or could not be reached in time; it was certainly not sent.
 * - `send_unknown`: the outcome is not known; the message may or may not have been sent.
 * - `send_timeout`: the deadline passed before the message left this process; it was not sent.
 * - `unavailable`: the provider could not be reached.
 * - `closed`: the queue or worker was closed before.
 * - `duplicate_handler`, `no_handlers`, `already_running`: a worker was set up wrongly.
 * - `drain_incomplete`: jobs were still running when the drain deadline and its grace had passed.
 * - `draining`: the reason with which a handler's signal aborts at the drain deadline.
 * - `lease_lost`: another receiver owns the message now; its settlement was discarded.
 * - `timeout`: a job ran longer than its time limit.
 * - `config`: a configuration is invalid. `missing_dependency`: an optional package is not installed.
 * - `provider`: any other error of the provider.
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
  | "provider";

/** What an error knows beside its sentence. */
export interface QueueErrorDetails {
  /** The logical queue name, where the error concerns one queue. */
  readonly queue?: string | undefined;
  /** Whether doing the same again later may succeed. @default false */
  readonly retryable?: boolean;
  /** The provider's own error. */
  readonly cause?: unknown;
}

/**
 * The one error class of queueport. Its message says what was attempted and what to do now;
 * its `code` is stable across versions.
 */
export class QueueError extends Error {
  override readonly name: string = "QueueError";
  readonly code: ErrorCode;
  readonly queue: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, details: QueueErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.queue = details.queue;
    this.retryable = details.retryable ?? false;
  }

  /** Without this, JSON leaves out the sentence of an error: of an outcome of `sendBatch` in a log, say. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, code, message, queue, retryable } = this;
    return { name, code, message, queue, retryable };
  }
}

/**
 * Whether `error` is a {@link QueueError}, and, if given, has this code.
 *
 * @example
 * if (isQueueError(error, "queue_full")) await later();
 */
export function isQueueError<Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is QueueError & { readonly code: Code } {
  return error instanceof QueueError && (code === undefined || error.code === code);
}

/**
 * Thrown by a handler: this job can never succeed. It is dead-lettered at once, whatever attempts remain.
 *
 * @example
 * throw new PermanentError("the account was deleted");
 */
export class PermanentError extends Error {
  override readonly name: string = "PermanentError";
}

/**
 * Thrown by a handler: the job failed, and is to be tried again after this delay rather than after the backoff.
 * It counts as a failed attempt.
 *
 * @example
 * throw new RetryAfterError("30s", "rate limited");
 */
export class RetryAfterError extends Error {
  override readonly name: string = "RetryAfterError";
  /** Milliseconds until the next attempt; 0 is at once. */
  readonly delayMs: number;

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

/** The one-line description of anything that was thrown. It never throws: an error may have getters that do. */
export function describeError(error: unknown): string {
  try {
    if (!(error instanceof Error)) return asText(error);
    const message = asText(error.message);
    return message === "" ? asText(error.name) : `${asText(error.name)}: ${message}`;
  } catch {
    return "an error that cannot be read";
  }
}
