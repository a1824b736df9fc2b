import type { DriverError } from "../driver/error.ts";
import { QueueError } from "../errors.ts";

/** The error of a message that may or may not have been sent. */
export function unknownOutcome(queue: string, cause: unknown): QueueError {
  const text = cause instanceof Error ? ` (${cause.message})` : "";
  return new QueueError(
    "send_unknown",
    `It is not known whether the message reached queue "${queue}"${text}. Sending it again may run the job twice; handlers that are idempotent do not mind.`,
    { queue, retryable: true, cause },
  );
}

/** The error of a message that was certainly not sent, because the provider could not take it in time. */
export function notSent(queue: string, deadlineMs: number, cause: DriverError): QueueError {
  return new QueueError(
    "send_failed",
    `The message was not sent to queue "${queue}" within ${Math.round(deadlineMs)} ms: ${cause.message.replace(/\.$/, "")}. Send it again when the provider can be reached.`,
    { queue, retryable: true, cause },
  );
}

/** The error of a message that was never tried. */
export function timedOut(queue: string, deadlineMs: number): QueueError {
  return new QueueError(
    "send_timeout",
    `The message did not leave for queue "${queue}" within ${Math.round(deadlineMs)} ms, and was not sent. Send fewer at once, or give a longer deadline.`,
    { queue, retryable: true },
  );
}
