import type { Clock } from "../lib/clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../lib/logger.ts";

/** Interval at which a condition that lasts is logged again. */
const REPEAT_MS = 60_000;

/** One occurrence of a condition, as a log line. */
export interface Occurrence {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly bindings: object;
  readonly error?: unknown;
}

interface Condition {
  /** Time of the last line, in milliseconds of the monotonic clock. */
  loggedAt: number;
  /** Time of the last occurrence, in milliseconds of the monotonic clock. */
  lastAt: number;
  /** Occurrences since the last line. */
  hidden: number;
  last: Occurrence;
}

/**
 * Logs what may occur many times while it lasts, such as a failing poll: the first occurrence at once, with its stack;
 * then one line a minute, with the number of occurrences. Each occurrence is logged with its stack at the level debug.
 */
export class ConditionLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #conditions = new Map<string, Condition>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Logs or counts an occurrence. `key` names the condition. Returns true if a line was logged, other than for debug. */
  occurred(key: string, occurrence: Occurrence): boolean {
    const now = this.#clock.monotonic();
    const condition = this.#conditions.get(key);
    const { level, message, bindings, error } = occurrence;
    const fields = error === undefined ? bindings : { ...bindings, err: error };
    if (condition === undefined || now - condition.lastAt >= 2 * REPEAT_MS) {
      this.#conditions.set(key, { loggedAt: now, lastAt: now, hidden: 0, last: occurrence });
      this.#logger[level](fields, message);
      return true;
    }
    condition.lastAt = now;
    condition.hidden += 1;
    // Other failures of the same outage are counted, and its line says what it said first.
    if (message === condition.last.message) condition.last = occurrence;
    this.#logger.debug(fields, message);
    if (now - condition.loggedAt < REPEAT_MS) return false;
    this.#repeat(condition, now);
    return true;
  }

  /** Forgets what was counted since the last line of a condition that has ended. */
  ended(key: string): void {
    const condition = this.#conditions.get(key);
    if (condition !== undefined) condition.hidden = 0;
  }

  /** Logs what was counted for a minute, or since the last line if `isEnd`. To be called now and then, and at the end. */
  flush(isEnd: boolean = false): void {
    const now = this.#clock.monotonic();
    for (const [key, condition] of this.#conditions) {
      if (condition.hidden > 0 && (isEnd || now - condition.loggedAt >= REPEAT_MS))
        this.#repeat(condition, now);
      if (isEnd || now - condition.lastAt >= 2 * REPEAT_MS) this.#conditions.delete(key);
    }
  }

  #repeat(condition: Condition, now: number): void {
    const { level, message, bindings, error } = condition.last;
    const count = condition.hidden;
    const what = error === undefined ? bindings : { ...bindings, error: describeError(error) };
    const seconds = Math.round((now - condition.loggedAt) / 1_000);
    condition.loggedAt = now;
    condition.hidden = 0;
    this.#logger[level]({ ...what, count }, `${message}: ${count} more in the last ${seconds} s`);
  }
}
