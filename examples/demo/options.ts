import { Command, InvalidArgumentError } from "commander";
import { loadConfig } from "../../cmd/config-file.ts";
import type { QueueConfig } from "../../adapters/open.ts";

/** How the demo was called. */
export interface Options {
  readonly config: QueueConfig;
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

/** Reads the command line; without `--config`, queues in memory that have room for all of it. */
export async function readOptions(): Promise<Options> {
  const program = new Command("demo")
    .usage("[-- options]")
    .description(
      "An application service and its worker: watch jobs being sent, done, retried, dead-lettered.",
    )
    .option("--day-seconds <n>", "how long a day lasts; a mail goes out after three", number(0), 2)
    .option("--messages <n>", "how many jobs are sent", number(1), 40)
    .option("--config <file>", "a queue configuration, for another provider than memory")
    .option("--json", "log to stderr, and end stdout with the sums as JSON")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse();
  const { config: file, daySeconds, messages: count, json = false } = program.opts<Flags>();
  const messages = Math.ceil(count);
  const config: QueueConfig =
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
