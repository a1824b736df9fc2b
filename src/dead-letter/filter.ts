import type { DeadLetter, DeadLetterFilter } from "./dead-letters.ts";

/** Whether a dead letter is meant. */
export function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { ids, type, reason, fingerprint, since } = filter;
  if (ids !== undefined && !ids.includes(letter.id)) return false;
  if (type !== undefined && letter.message?.type !== type) return false;
  if (reason !== undefined && letter.info.reason !== reason) return false;
  if (fingerprint !== undefined && letter.fingerprint !== fingerprint) return false;
  return since === undefined || letter.info.at >= since;
}
