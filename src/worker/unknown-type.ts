import { closest } from "../lib/closest.ts";
import type { Disposition } from "../queue/disposition.ts";
import { show } from "../lib/text.ts";

const FIRST_MS = 5_000;
const LONGEST_MS = 300_000;

/**
 * Returns the disposition of a message of a type without a handler. This is no failure: in a rolling deploy, another
 * worker may have the handler. The message is delivered again after a delay that grows with its age. It is
 * dead-lettered when no worker has had a handler for `maxAgeMs`.
 *
 * @param since the time at which the type was first unknown, in epoch milliseconds; undefined if this is the first time
 */
export function unknownType(
  type: string,
  since: number | undefined,
  now: number,
  maxAgeMs: number,
): Disposition {
  const ageMs = since === undefined ? 0 : Math.max(0, now - since);
  if (since !== undefined && ageMs >= maxAgeMs) {
    const error = new Error(`no worker has had a handler for the type ${show(type)} for ${ageMs} ms`);
    return { kind: "dead_letter", reason: "unknown_type", error, ran: false };
  }
  const delayMs = Math.min(Math.max(FIRST_MS, ageMs / 2), LONGEST_MS, maxAgeMs - ageMs);
  return { kind: "unknown_type", delayMs: Math.ceil(delayMs) };
}

/** Types that are named in a warning each; one more warning is about all others. Types come from outside. */
const MOST_NAMED = 100;
/** Registered types that a warning lists. */
const MOST_LISTED = 10;

/** Warns once of each type without a handler: a misspelt type would otherwise go unnoticed until its jobs are dead letters. */
export class UnknownTypeWarnings {
  readonly #warned = new Set<string>();
  readonly #known: () => readonly string[];
  readonly #warn: (queue: string, message: string) => void;

  /** @param known returns the types that have a handler */
  constructor(known: () => readonly string[], warn: (queue: string, message: string) => void) {
    this.#known = known;
    this.#warn = warn;
  }

  /** @param deadLetterAt the time at which the job is dead-lettered, in epoch milliseconds */
  saw(type: string, queue: string, deadLetterAt: number): void {
    const key = `${queue} ${type}`;
    if (this.#warned.has(key) || this.#warned.size > MOST_NAMED) return;
    this.#warned.add(key);
    if (this.#warned.size > MOST_NAMED) {
      this.#warn(
        queue,
        `Queue "${queue}" has jobs of more than ${MOST_NAMED} types for which this worker has no handler. Further types are not named.`,
      );
      return;
    }
    const known = this.#known();
    const near = closest(type, known);
    const listed = known.slice(0, MOST_LISTED).map(show).join(", ");
    const more = known.length > MOST_LISTED ? ` and ${known.length - MOST_LISTED} more` : "";
    const hint =
      near === undefined ? `Its handlers are for ${listed}${more}.` : `Did you mean ${show(near)}?`;
    this.#warn(
      queue,
      `Queue "${queue}" has jobs of the type ${show(type)}, for which this worker has no handler. ${hint} Such a job waits for a worker that has one, and is dead-lettered as unknown_type ${whenOf(deadLetterAt)}; on a queue that keeps order, after its last attempt.`,
    );
  }
}

/** A time limit of any length may be configured, and not each of them ends at a date. */
function whenOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "after unknownTypeMaxAgeMs" : `at ${date.toISOString()}`;
}
