import { type Command, InvalidArgumentError, Option } from "commander";
import ms from "ms";

/** `30s`, `5m`, `3d` in milliseconds. A bare number is refused: nobody can tell what it counts. */
export function duration(text: string): number {
  const value = /\d\s*[a-z]+$/i.test(text) && text.length < 30 ? ms(text as ms.StringValue) : undefined;
  if (text === "0") return 0;
  if (value === undefined || !Number.isFinite(value)) {
    throw new InvalidArgumentError("Expected a duration with a unit, such as 500ms, 30s, 5m, 2h or 3d.");
  }
  if (value < 0) throw new InvalidArgumentError("A duration cannot be negative.");
  return value;
}

/** A duration that something is limited to: 0 would be never. */
export function positiveDuration(text: string): number {
  const value = duration(text);
  if (value === 0) throw new InvalidArgumentError("Expected more than 0.");
  return value;
}

/** A whole number, `least` or more. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a whole number, ${range}.`);
  };
}

/** Collects a repeated option; each may be a list with commas, as in an environment variable. */
export function names(text: string, before: readonly string[] | undefined): string[] {
  const given = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (given.length === 0) throw new InvalidArgumentError("Expected a name.");
  return [...(before ?? []), ...given];
}

/** Collects `name=value`. */
export function pair(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("Expected name=value.");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Those of pino. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Where the queue comes from: the same two options in every command. */
export interface SourceFlags {
  readonly config?: string;
  readonly provider?: string;
}

export function addSourceOptions(command: Command): Command {
  return command
    .addOption(new Option("-c, --config <file>", "configuration file").env("QUEUEPORT_CONFIG"))
    .addOption(new Option("--provider <name>", "provider, over the file's").env("QUEUEPORT_PROVIDER"));
}
