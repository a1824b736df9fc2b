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
