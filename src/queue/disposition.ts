import { type Backoff, backoffDelayMs } from "../backoff.ts";
import type { NotRunReason, ReleaseReason } from "../diagnostics.ts";
import type { DeadLetterReason } from "../message/dead-letter-info.ts";
import { isInstance, PermanentError, QueueError, RetryAfterError } from "../errors.ts";
import { show } from "../lib/text.ts";

/**
 * The disposition of a message: the decision that a handler of `queue.receive` makes about it. A handler of a `Worker`
 * must not return one.
 *
 * @example
 * await queue.receive("emails", async ({ payload }) => {
 *   const { status, error } = await mail(payload);
 *   if (status === "invalid") return { kind: "dead_letter", reason: "invalid_address", error };
 *   return { kind: "ack" };
 * });
 */
export type Disposition =
  /** The message was handled. It is removed. */
  | {
      readonly kind: "ack";
      /** False if the message is removed although this run did not complete its job. @default true */
      readonly ran?: boolean;
      /** Why, if `ran` is false: the job is over in this way. @default completed */
      readonly why?: NotRunReason | undefined;
    }
  /** The run failed. The message is delivered again after `delayMs` milliseconds, as the next attempt. */
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly error: unknown;
      /** Set if there was no handler for the type. */
      readonly reason?: "unknown_type" | undefined;
    }
  /** The message can never be handled. It is moved to the dead-letter queue. */
  | {
      readonly kind: "dead_letter";
      readonly reason: DeadLetterReason;
      readonly error: unknown;
      /** Whether a run failed; false if the message was refused before a run. @default true */
      readonly ran?: boolean;
    }
  /** The message was not handled, and nothing failed. It is released, and no attempt is counted. */
  | {
      readonly kind: "release";
      /** Milliseconds until the message is delivered again, at least. @default 0 */
      readonly delayMs?: number | undefined;
      /** Why, if not because of a drain. */
      readonly why?: ReleaseReason | undefined;
    }
  /**
   * This process has no handler for the type. The message is delivered again after `delayMs` milliseconds, and no
   * attempt is counted.
   */
  | { readonly kind: "unknown_type"; readonly delayMs: number };

/** The disposition of every successful run. All such runs share this object. */
export const ACK: Disposition = { kind: "ack" };

const KINDS: readonly unknown[] = [
  "ack",
  "retry",
  "dead_letter",
  "release",
  "unknown_type",
] satisfies Disposition["kind"][];

const FIELDS: ReadonlySet<string> = new Set(["kind", "delayMs", "error", "reason", "ran", "why"]);

/** Returns whether `value` is a disposition: it has a known `kind`, and no field that a disposition does not have. */
export function isDisposition(value: unknown): value is Disposition {
  try {
    return (
      typeof value === "object" &&
      value !== null &&
      "kind" in value &&
      KINDS.includes(value.kind) &&
      Object.keys(value).every((field) => FIELDS.has(field))
    );
  } catch {
    // A value whose properties cannot be read is no disposition.
    return false;
  }
}

/**
 * Returns the disposition that a handler has returned. Any value without a `kind` acknowledges the message.
 *
 * @throws QueueError `invalid_options` when the kind is unknown. Acknowledging the message could lose it, although the
 * handler wanted to keep it.
 */
export function dispositionOf(returned: unknown): Disposition {
  if (typeof returned !== "object" || returned === null || !("kind" in returned)) return ACK;
  if (KINDS.includes(returned.kind)) return returned as Disposition;
  throw new QueueError(
    "invalid_options",
    `A handler returned a disposition of the unknown kind ${show(returned.kind)}; the kinds are ${KINDS.join(", ")}. Return nothing to acknowledge the message.`,
  );
}

/** The values that determine the disposition after a failed run. */
export interface FailedRun {
  readonly error: unknown;
  /** Number of the attempt that failed; 1 on the first run. */
  readonly attempt: number;
  /** Failed runs that count towards `maxAttempts`, this one included; fewer than `attempt` if some deliveries were released. */
  readonly failures: number;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  /** Returns random numbers, uniformly distributed in [0, 1). */
  readonly random: () => number;
}

/**
 * Returns the disposition after a failed run. Only this function decides that a message has no attempts left. So the
 * decision is made after a run, never when a message is received. Never throws, whatever the handler has thrown.
 */
export function dispositionOfFailure({
  error,
  attempt,
  failures,
  maxAttempts,
  backoff,
  random,
}: FailedRun): Disposition {
  if (isInstance(error, PermanentError)) return { kind: "dead_letter", reason: "permanent_error", error };
  if (failures >= maxAttempts) return { kind: "dead_letter", reason: "max_attempts", error };
  return { kind: "retry", delayMs: askedDelayMs(error) ?? backoffDelayMs(backoff, attempt, random), error };
}

/** The delay of a `RetryAfterError`; undefined if there is none that can be used. A subclass may have changed it. */
function askedDelayMs(error: unknown): number | undefined {
  if (!isInstance(error, RetryAfterError)) return undefined;
  try {
    const { delayMs } = error;
    return Number.isFinite(delayMs) && delayMs >= 0 ? delayMs : undefined;
  } catch {
    return undefined;
  }
}
