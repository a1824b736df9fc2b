import type { DeadLetter, DeadLetterFilter } from "../queue/dead-letters.ts";

/** Whether a dead letter is meant. */
export function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { ids, type, reason, fingerprint, since, until } = filter;
  if (ids !== undefined && !ids.includes(letter.id)) return false;
  if (type !== undefined && letter.message?.type !== type) return false;
  if (reason !== undefined && letter.info.reason !== reason) return false;
  if (fingerprint !== undefined && letter.fingerprint !== fingerprint) return false;
  if (since !== undefined && letter.info.at < since) return false;
  return until === undefined || letter.info.at <= until;
}
