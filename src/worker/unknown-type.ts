import type { Disposition } from "../queue/disposition.ts";
import { show } from "../lib/text.ts";

const FIRST_MS = 5_000;
const LONGEST_MS = 300_000;

/**
 * A type that this worker does not know is no failure: in a rolling deploy, the next worker may. It is looked at
 * again after a delay that grows with its age, and dead-lettered when nobody has known it for `maxAgeMs`.
 */
export function unknownType(
  type: string,
  since: number | undefined,
  now: number,
  maxAgeMs: number,
): Disposition {
  const ageMs = since === undefined ? 0 : Math.max(0, now - since);
  if (since !== undefined && ageMs >= maxAgeMs) {
    const error = new Error(`no worker has known the type ${show(type)} for ${ageMs} ms`);
    return { kind: "dead_letter", reason: "unknown_type", error, ran: false };
  }
  const delayMs = Math.min(Math.max(FIRST_MS, ageMs / 2), LONGEST_MS, maxAgeMs - ageMs);
  return { kind: "unknown_type", delayMs: Math.ceil(delayMs) };
}
