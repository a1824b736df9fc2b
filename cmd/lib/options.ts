import { type Command, InvalidArgumentError, Option } from "commander";
import ms from "ms";
import { type Duration, durationMs } from "../../src/lib/duration.ts";

/**
 * Parses a duration such as `500ms`, `30s`, `5m`, `2h` or `3d` into milliseconds. A number without a unit is refused,
 * since its unit is unknown; `0` is accepted.
 * @throws InvalidArgumentError if the text is not a duration, or is negative
 */
export function duration(text: string): number {
  if (text === "0") return 0;
  if (text.startsWith("-")) throw new InvalidArgumentError("A duration cannot be negative.");
  const value = durationMs(text as Duration);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a duration with a unit, such as 500ms, 30s, 5m, 2h or 3d.");
}

/** A number of milliseconds as {@link duration} reads it: `30s`, `5m`. */
export function durationText(value: number): string {
  return ms(value);
}

/**
 * Parses a duration that is a time limit, so that 0 makes no sense.
 * @throws InvalidArgumentError as {@link duration}, and for 0
 */
export function positiveDuration(text: string): number {
  const value = duration(text);
  if (value === 0) throw new InvalidArgumentError("Expected more than 0.");
  return value;
}

/** Returns a parser for whole numbers from `least` to `most`. It throws InvalidArgumentError for any other text. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a whole number, ${range}.`);
  };
}

/** Collects the names of a repeated option. Each value may be a list with commas, as in an environment variable. */
export function names(text: string, before: readonly string[] | undefined): string[] {
  const given = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (given.length === 0) throw new InvalidArgumentError("Expected a name.");
  return [...(before ?? []), ...given];
}

/** Collects the values of a repeated option of the form `name=value`. */
export function pair(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("Expected name=value.");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** The flags that choose the configuration. They are the same in every command that opens a queue. */
export interface ConfigFlags {
  readonly config?: string;
  readonly provider?: string;
}

/** Adds `--config` and `--provider`. */
export function addConfigOptions(command: Command): Command {
  return command
    .optionsGroup("Configuration:")
    .addOption(
      new Option(
        "-c, --config <file>",
        "configuration file (default: queueport.config.* in the working directory)",
      ).env("QUEUEPORT_CONFIG"),
    )
    .addOption(
      new Option(
        "--provider <name>",
        "provider, such as memory or sqs; replaces the provider in the configuration file",
      ).env("QUEUEPORT_PROVIDER"),
    );
}

/** The flag that names the handlers module. */
export interface HandlersFlags {
  readonly handlers?: string;
}

/** Adds `--handlers`. */
export function addHandlersOption(command: Command): Command {
  return command.addOption(
    new Option(
      "-H, --handlers <file>",
      "handlers module (.ts, .js or .mjs), such as ./handlers.ts (default: worker.handlers in the configuration)",
    ).env("QUEUEPORT_HANDLERS"),
  );
}

/** The flag that selects JSON output. */
export interface JsonFlags {
  readonly json?: boolean;
}

/** Adds `--json`. `shape` names what is printed. */
export function addJsonOption(command: Command, shape: string): Command {
  return command.optionsGroup("Output:").option("--json", `print ${shape} as JSON`);
}
