import { checkKeys, type KnownKeys, QueueError } from "./errors.ts";
import { type Duration, durationMs } from "./lib/duration.ts";
import { show } from "./lib/text.ts";

/** The wait before the next attempt of a failed job: exponential, capped, with full jitter. */
export interface Backoff {
  /** Upper bound of the wait before the second attempt, in milliseconds. @default 1000 */
  readonly baseMs: number;
  /** Growth of the upper bound per attempt. @default 2 */
  readonly factor: number;
  /** Largest upper bound, in milliseconds. @default 300000 */
  readonly capMs: number;
  /**
   * Whether the wait is a random value between 0 and the upper bound. If false, it is the upper bound.
   * @default true
   */
  readonly jitter: boolean;
}

/**
 * Parts of a {@link Backoff}. A missing part is taken from the next wider setting, in this order: message, registration
 * or job definition, worker, queue.
 */
export interface BackoffOptions {
  /** Upper bound of the wait before the second attempt; a number is in milliseconds. @default 1000 */
  readonly baseMs?: Duration | undefined;
  /** Growth of the upper bound per attempt, 1 or more. @default 2 */
  readonly factor?: number | undefined;
  /** Largest upper bound; a number is in milliseconds. @default 300000 */
  readonly capMs?: Duration | undefined;
  /**
   * Whether the wait is a random value between 0 and the upper bound. If false, it is the upper bound.
   * @default true
   */
  readonly jitter?: boolean | undefined;
}

export const defaultBackoff: Backoff = { baseMs: 1_000, factor: 2, capMs: 300_000, jitter: true };

/**
 * Returns the delay after the failed attempt `attempt` (1-based), in whole milliseconds. With jitter, the delay is
 * evenly distributed from 0 to min(cap, base * factor^(attempt - 1)).
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: () => number): number {
  const { baseMs, factor, capMs, jitter } = backoff;
  // 0 * Infinity is NaN, and the growth becomes Infinity after many attempts.
  const grown = baseMs === 0 ? 0 : baseMs * factor ** Math.max(0, attempt - 1);
  const ceiling = Math.floor(Math.min(capMs, grown));
  return jitter ? Math.min(ceiling, Math.floor(random() * (ceiling + 1))) : ceiling;
}

/** Overrides the parts of `base` with those of narrower settings. The last setting is the narrowest and wins. */
export function mergeBackoff(base: Backoff, ...narrower: (BackoffOptions | undefined)[]): Backoff {
  let merged = base;
  for (const options of narrower) {
    if (options === undefined) continue;
    // An undefined part counts as missing, so a spread of the options would be wrong.
    merged = {
      baseMs: options.baseMs === undefined ? merged.baseMs : durationMs(options.baseMs),
      factor: options.factor ?? merged.factor,
      capMs: options.capMs === undefined ? merged.capMs : durationMs(options.capMs),
      jitter: options.jitter ?? merged.jitter,
    };
  }
  return merged;
}

const KEYS: KnownKeys<BackoffOptions> = { baseMs: true, factor: true, capMs: true, jitter: true };

/**
 * Checks the parts of a backoff.
 *
 * @param where the name of the setting, for the error
 * @throws QueueError `invalid_options` when a part is negative, not finite, of another type or unknown
 */
export function checkBackoff(backoff: BackoffOptions, where: string): void {
  const refuse = (field: string, expected: string, got: unknown): never => {
    throw new QueueError(
      "invalid_options",
      `${where}: backoff.${field} must be ${expected}; got ${show(got)}.`,
    );
  };
  checkKeys(`${where}: backoff`, backoff, KEYS);
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
