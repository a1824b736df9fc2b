import { Command, InvalidArgumentError } from "commander";
import { loadConfig } from "../../cmd/lib/config-file.ts";
import type { ConfigFile } from "../../adapters/open.ts";

/** The options of the command line. */
export interface Options {
  readonly config: ConfigFile;
  readonly daySeconds: number;
  readonly messages: number;
  readonly json: boolean;
}

interface Flags {
  readonly config?: string;
  readonly daySeconds: number;
  readonly messages: number;
  readonly json?: true;
}

/** Reads the command line. Without `--config`, the queues are in memory and have room for every job. */
export async function readOptions(): Promise<Options> {
  const program = new Command("demo")
    .usage("[-- options]")
    .description(
      "Runs an application service and its worker, and shows jobs as they are sent, completed, retried and dead-lettered.",
    )
    .option(
      "--day-seconds <n>",
      "length of a simulated day in seconds; one mail is due after three days",
      number(0),
      2,
    )
    .option("--messages <n>", "number of jobs to send", number(1), 40)
    .option("--config <file>", "configuration file of a queue on another provider than memory")
    .option("--json", "log to stderr, and print the sums as JSON in the last line of stdout")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse();
  const { config: file, daySeconds, messages: count, json = false } = program.opts<Flags>();
  const messages = Math.ceil(count);
  const config: ConfigFile =
    file === undefined
      ? { provider: "memory", capacity: Math.max(10_000, messages) }
      : (await loadConfig({ config: file })).queue;
  return { config, daySeconds, messages, json };
}

function number(least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < least) {
      throw new InvalidArgumentError(`Expected a number, ${least} or more.`);
    }
    return value;
  };
}
