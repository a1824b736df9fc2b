import { type Command, InvalidArgumentError } from "commander";
import type { DeadLetterFilter } from "../../src/dead-letter/dead-letters.ts";
import { duration, names } from "../lib/options.ts";

/** Which dead letters are meant: the same options in every command of `dlq`. */
export interface FilterFlags {
  readonly id?: readonly string[];
  readonly type?: string;
  readonly reason?: string;
  readonly group?: string;
  readonly since?: Date;
}

export function addFilterOptions(command: Command): Command {
  return command
    .option("--id <id>", "of this id; repeat it, or list with commas", names)
    .option("-t, --type <type>", "of this job type")
    .option("--reason <reason>", "of this reason, such as max_attempts, permanent_error or broker")
    .option("-g, --group <fingerprint>", "of this group, as dlq groups shows it")
    .option(
      "--since <when>",
      "dead-lettered since then: 2h ago, or a time such as 2026-01-31T12:00Z (UTC where it names no zone)",
      since,
    );
}

export function filterOf({ id, type, reason, group, since: from }: FilterFlags): DeadLetterFilter {
  return { ids: id, type, reason, fingerprint: group, since: from };
}

/** A duration that has passed since, or the time itself. */
export function since(text: string, _before?: unknown, now: number = Date.now()): Date {
  if (/^\d{4}-/.test(text)) {
    // As the tables show it, whatever the zone of this machine.
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
