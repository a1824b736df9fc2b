import { QueueError } from "./errors.ts";
import { type Duration, durationMs } from "./lib/duration.ts";
import { show } from "./lib/text.ts";

/** How long to wait before the next attempt of a failed job: exponential, with full jitter, capped. */
export interface Backoff {
  /** Milliseconds before the second attempt, at most. @default 1000 */
  readonly baseMs: number;
  /** Growth per attempt. @default 2 */
  readonly factor: number;
  /** The longest wait, in milliseconds. @default 300000 */
  readonly capMs: number;
  /** Whether the wait is drawn evenly from 0 to the ceiling. Without it, the ceiling itself. @default true */
  readonly jitter: boolean;
}

/** Parts of a {@link Backoff}. A missing part is taken from the next wider setting: message, job definition, worker, queue. */
export interface BackoffOptions {
  /** The wait before the second attempt, at most. @default 1000 */
  readonly baseMs?: Duration | undefined;
  /** Growth per attempt, 1 or more. @default 2 */
  readonly factor?: number | undefined;
  /** The longest wait. @default 300000 */
  readonly capMs?: Duration | undefined;
  /** Whether the wait is drawn evenly from 0 to the ceiling; without it, the wait is the ceiling. @default true */
  readonly jitter?: boolean | undefined;
}

export const defaultBackoff: Backoff = { baseMs: 1_000, factor: 2, capMs: 300_000, jitter: true };

/**
 * The delay in whole milliseconds after failed attempt `attempt` (1-based).
 * Full jitter: evenly drawn from 0 to min(cap, base * factor^(attempt - 1)).
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: () => number): number {
  const { baseMs, factor, capMs, jitter } = backoff;
  // A growth that has left the range of numbers is infinite, and nothing times infinity is not a number.
  const grown = baseMs === 0 ? 0 : baseMs * factor ** Math.max(0, attempt - 1);
  const ceiling = Math.floor(Math.min(capMs, grown));
  return jitter ? Math.min(ceiling, Math.floor(random() * (ceiling + 1))) : ceiling;
}

/** Lays settings over each other, the narrowest last: queue, then job definition, then message. */
export function mergeBackoff(base: Backoff, ...narrower: (BackoffOptions | undefined)[]): Backoff {
  let merged = base;
  for (const options of narrower) {
    if (options === undefined) continue;
    // A part that is given as undefined is a part that is missing.
    merged = {
      baseMs: options.baseMs === undefined ? merged.baseMs : durationMs(options.baseMs),
      factor: options.factor ?? merged.factor,
      capMs: options.capMs === undefined ? merged.capMs : durationMs(options.capMs),
      jitter: options.jitter ?? merged.jitter,
    };
  }
  return merged;
}

/** Refuses a backoff that could not be computed. `where` names it in the error. */
export function checkBackoff(backoff: BackoffOptions, where: string): void {
  const refuse = (field: string, expected: string, got: unknown): never => {
    throw new QueueError(
      "invalid_options",
      `${where}: backoff.${field} must be ${expected}; got ${show(got)}.`,
    );
  };
  const { baseMs, factor, capMs } = backoff;
  if (baseMs !== undefined && !isSpan(baseMs))
    refuse("baseMs", "0 or more milliseconds or a duration", baseMs);
  if (factor !== undefined && !(Number.isFinite(factor) && factor >= 1))
    refuse("factor", "1 or more", factor);
  if (capMs !== undefined && !isSpan(capMs)) refuse("capMs", "0 or more milliseconds or a duration", capMs);
}

function isSpan(duration: Duration): boolean {
  const ms = durationMs(duration);
  return Number.isFinite(ms) && ms >= 0;
}

/** The pacing of repeated requests: doubling from `baseMs` to `capMs` milliseconds, with full jitter. */
export function requestBackoff(baseMs: number, capMs: number): Backoff {
  return { baseMs, factor: 2, capMs, jitter: true };
}
