import { InvalidArgumentError } from "commander";
import { duration } from "./options.ts";

/**
 * Parses a duration, as the time that long before `now`, or a time. A time without a zone is UTC, as in the tables.
 * @throws InvalidArgumentError if the text is neither
 */
export function since(text: string, _before?: unknown, now: number = Date.now()): Date {
  if (/^\d{4}-/.test(text)) {
    const hasZone = !text.includes(":") || /(?:Z|[+-]\d\d:?\d\d)$/i.test(text);
    const at = new Date(`${text.trim().replace(" ", "T")}${hasZone ? "" : "Z"}`);
    if (!Number.isNaN(at.getTime())) return at;
  }
  try {
    return new Date(now - duration(text.replace(/ ago$/, "")));
  } catch {
    throw new InvalidArgumentError("Expected a duration, such as 2h, or a time, such as 2026-01-31T12:00Z.");
  }
}
