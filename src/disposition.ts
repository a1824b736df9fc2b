import { type Backoff, backoffDelayMs } from "./backoff.ts";
import type { DeadLetterReason } from "./diagnostics.ts";
import { PermanentError, RetryAfterError } from "./errors.ts";

/** What is to become of a message that was handled. */
export type Disposition =
  /** Done: remove it. */
  | { readonly kind: "ack" }
  /** This run failed: again after `delayMs`, as attempt n + 1. */
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly error: unknown;
      readonly slot?: Promise<unknown>;
    }
  /** Never again: to the dead-letter queue. */
  | {
      readonly kind: "dead_letter";
      readonly reason: DeadLetterReason;
      readonly error: unknown;
      /** Whether a run failed; false where it was refused before it ran. @default true */
      readonly ran?: boolean;
      readonly slot?: Promise<unknown>;
    }
  /** Not handled, and no failure: back to the queue for whoever can. */
  | { readonly kind: "release" }
  /** Nobody here knows its type: back to the queue after `delayMs`, the attempt unchanged, first seen noted. */
  | { readonly kind: "unknown_type"; readonly delayMs: number };

/** The disposition of everything that went well; one for all. */
export const ACK: Disposition = { kind: "ack" };

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
