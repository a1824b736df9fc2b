import { type Backoff, backoffDelayMs } from "../backoff.ts";
import type { DeadLetterReason } from "../message/dead-letter-info.ts";
import { PermanentError, QueueError, RetryAfterError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** What is to become of a message that was handled. */
export type Disposition =
  /** Done: remove it. */
  | { readonly kind: "ack" }
  /** This run failed: again after `delayMs`, as attempt n + 1. */
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly error: unknown;
      /** Where there was no handler to run. */
      readonly reason?: "unknown_type" | undefined;
    }
  /** Never again: to the dead-letter queue. */
  | {
      readonly kind: "dead_letter";
      readonly reason: DeadLetterReason;
      readonly error: unknown;
      /** Whether a run failed; false where it was refused before it ran. @default true */
      readonly ran?: boolean;
    }
  /** Not handled, and no failure: back to the queue for whoever can. */
  | { readonly kind: "release" }
  /** Nobody here knows its type: back to the queue after `delayMs`, the attempt unchanged, first seen noted. */
  | { readonly kind: "unknown_type"; readonly delayMs: number };

/** The disposition of everything that went well; one for all. */
export const ACK: Disposition = { kind: "ack" };

const KINDS: readonly unknown[] = [
  "ack",
  "retry",
  "dead_letter",
  "release",
  "unknown_type",
] satisfies Disposition["kind"][];

const FIELDS: ReadonlySet<string> = new Set(["kind", "delayMs", "error", "reason", "ran"]);

/** Whether `value` is a disposition: it has a disposition's kind, and no field that a disposition does not have. */
export function isDisposition(value: unknown): value is Disposition {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    KINDS.includes(value.kind) &&
    Object.keys(value).every((field) => FIELDS.has(field))
  );
}

/**
 * The disposition that a handler returned. Any value without a `kind` acknowledges the message: it was handled.
 * @throws QueueError `invalid_options` for an unknown kind, since an acknowledgement might lose what was to be kept
 */
export function dispositionOf(returned: unknown): Disposition {
  if (typeof returned !== "object" || returned === null || !("kind" in returned)) return ACK;
  if (KINDS.includes(returned.kind)) return returned as Disposition;
  throw new QueueError(
    "invalid_options",
    `A handler returned a disposition of the kind ${show(returned.kind)}; there are ${KINDS.join(", ")}. Return nothing to acknowledge.`,
  );
}

/** What decides over a failed run. */
export interface FailedRun {
  readonly error: unknown;
  /** 1 on the first run. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly random: () => number;
}

/** What becomes of a run that failed. Only here can a message run out of attempts: after a run, never on receipt. */
export function dispositionOfFailure({
  error,
  attempt,
  maxAttempts,
  backoff,
  random,
}: FailedRun): Disposition {
  if (error instanceof PermanentError) return { kind: "dead_letter", reason: "permanent_error", error };
  if (attempt >= maxAttempts) return { kind: "dead_letter", reason: "max_attempts", error };
  const delayMs = error instanceof RetryAfterError ? error.delayMs : backoffDelayMs(backoff, attempt, random);
  return { kind: "retry", delayMs, error };
}
