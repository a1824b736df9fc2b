import { Command, Option } from "commander";
import { sleep, systemClock } from "../src/lib/clock.ts";
import { loadConfig } from "./lib/config-file.ts";
import { exitCodes } from "./lib/exit-codes.ts";
import { addHelp } from "./lib/help.ts";
import {
  addConfigOptions,
  addJsonOption,
  type ConfigFlags,
  type JsonFlags,
  positiveDuration,
} from "./lib/options.ts";
import { colorsFor, print, stdoutClosed } from "./lib/output.ts";
import { addQueuesArgument, queuesOf } from "./lib/queues.ts";
import { onSignals } from "./lib/signals.ts";
import { type StatsRow, statsRows } from "./lib/stats-rows.ts";
import { openConfigured } from "./lib/open.ts";
import { formatTable } from "./lib/table.ts";

interface StatsFlags extends ConfigFlags, JsonFlags {
  readonly watch?: boolean;
  readonly interval: number;
}

/** `queueport stats`: the message counts of queues, once or repeatedly. */
export function statsCommand(): Command {
  const command = new Command("stats")
    .summary("Show how many messages queues hold")
    .description(
      `Shows the message counts of queues. "backlog" is ready and in flight together, "failed" is the dead-letter queue. A count that the provider does not report is shown as –, and an approximate count starts with ~.`,
    );
  addQueuesArgument(command)
    .optionsGroup("Watching:")
    .option("-w, --watch", "repeat until Ctrl-C")
    .addOption(
      new Option("--interval <duration>", "time between two updates of --watch, such as 500ms or 1m")
        .argParser(positiveDuration)
        .default(2_000, "2s"),
    );
  addConfigOptions(command);
  addJsonOption(command, "the counts, with --watch one line per update,");
  return addHelp(command, {
    examples: ["queueport stats emails reports --watch"],
    exitCodes: {
      0: "the counts were printed, or --watch was ended by a signal",
      1: "the counts of a queue could not be read; with --watch, the error is shown and the command continues",
    },
    hasSignals: true,
  }).action(runStats);
}

async function runStats(given: readonly string[], flags: StatsFlags): Promise<void> {
  const config = await loadConfig(flags);
  const queues = queuesOf(given, config);
  using interrupt = flags.watch ? onSignals() : undefined;
  await using queue = await openConfigured(config);
  const watching = interrupt === undefined ? undefined : AbortSignal.any([interrupt.signal, stdoutClosed]);
  const show = await display(flags);
  let rows: readonly StatsRow[];
  do {
    rows = await statsRows(queue, queues);
    show(rows);
    if (watching !== undefined) await sleep(systemClock, flags.interval, watching);
  } while (watching?.aborted === false);
  if (!flags.watch && rows.some(({ error }) => error !== undefined)) process.exitCode = exitCodes.failure;
}

/** A function that shows rows. On a terminal with --watch, each table replaces the previous one. */
async function display({ watch, json }: StatsFlags): Promise<(rows: readonly StatsRow[]) => void> {
  if (json) return (rows) => print(JSON.stringify(rows));
  if (!watch || !process.stdout.isTTY) return (rows) => print(statsTable(rows));
  const { default: logUpdate } = await import("log-update");
  return (rows) => logUpdate(`${statsTable(rows)}\n${new Date().toLocaleTimeString()}, Ctrl-C ends`);
}

const columns = ["backlog", "ready", "in flight", "delayed", "failed"];

/** The rows as a table for people. */
export function statsTable(rows: readonly StatsRow[]): string {
  const { red, dim } = colorsFor(process.stdout);
  return formatTable(
    ["queue", ...columns],
    rows.map(({ queue, error, approximate, ...counts }) => {
      if (error !== undefined) return { name: queue, error };
      const show = (count: number | null): string =>
        count === null ? dim("–") : `${approximate ? "~" : ""}${count}`;
      const failed = show(counts.failed);
      return [
        queue,
        show(counts.backlog),
        show(counts.messages),
        show(counts.inFlight),
        show(counts.delayed),
        counts.failed === null || counts.failed === 0 ? failed : red(failed),
      ];
    }),
    "right",
  );
}
