import { Command, InvalidArgumentError } from "commander";
import type { ConfigFile } from "../../adapters/open.ts";
import { loadConfig } from "../../cmd/lib/config-file.ts";

/** The options of the command line. */
export interface Options {
  readonly config: ConfigFile;
  readonly port: number;
  readonly stageMs: number;
  readonly json: boolean;
  readonly stay: boolean;
}

interface Flags {
  readonly config?: string;
  readonly port: number;
  readonly stageMs: number;
  readonly json?: true;
  readonly stay?: true;
}

const IN_MEMORY: ConfigFile = { provider: "memory", jobs: { store: { memory: true } } };

/** Reads the command line. Without `--config`, the queues and the records are in memory. */
export async function readOptions(): Promise<Options> {
  const program = new Command("demo:jobs")
    .usage("[-- options]")
    .description(
      "Runs a REST API and a worker in one process, sends jobs of three kinds through the API, and shows them run.",
    )
    .option("--port <n>", "port of the API; 0 chooses a free one", number(0), 8_080)
    .option("--stage-ms <n>", "milliseconds of one stage of a job", number(0), 200)
    .option("--config <file>", "configuration file with queues and records elsewhere than in memory")
    .option("--stay", "go on serving until Ctrl-C, for requests of your own")
    .option("--json", "log to stderr, and print the sums as JSON in the last line of stdout")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse();
  const { config: file, port, stageMs, json = false, stay = false } = program.opts<Flags>();
  const config = file === undefined ? IN_MEMORY : await configOf(file);
  return { config, port, stageMs, json, stay };
}

/** The queue and the jobs of a configuration file; the records are in memory if it says nothing of them. */
async function configOf(file: string): Promise<ConfigFile> {
  const { queue, jobs = { store: { memory: true } } } = await loadConfig({ config: file });
  return { ...queue, jobs };
}

function number(least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a number, ${least} or more.`);
  };
}
