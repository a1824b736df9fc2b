import Table from "cli-table3";
import { Command, Option } from "commander";
import { openQueue } from "../adapters/open.ts";
import { sleep, systemClock } from "../src/lib/clock.ts";
import { QueueError } from "../src/errors.ts";
import { loadConfig } from "./lib/config-file.ts";
import { exitCodes } from "./lib/exit-codes.ts";
import { addSourceOptions, names, positiveDuration, type SourceFlags } from "./lib/options.ts";
import { colorsFor, print, stdoutClosed } from "./lib/output.ts";
import { onSignals } from "./lib/signals.ts";
import { type StatsRow, statsRows } from "./lib/stats-rows.ts";

interface StatsFlags extends SourceFlags {
  readonly watch?: boolean;
  readonly interval: number;
  readonly json?: boolean;
}

/** `queueport stats`: how many messages there are, once or for as long as somebody looks. */
export function statsCommand(): Command {
  const command = new Command("stats")
    .description("Show how many messages queues hold.")
    .argument("[queue...]", "queues (default: worker.queues of the configuration)", names);
  return addSourceOptions(command)
    .option("-w, --watch", "repeat until interrupted")
    .addOption(
      new Option("--interval <duration>", "between two looks")
        .argParser(positiveDuration)
        .default(2_000, "2s"),
    )
    .option("--json", "print JSON; with --watch, one line a look")
    .addHelpText(
      "after",
      `
What the provider cannot tell is shown as –, an approximate count with ~.

Example:
  $ queueport stats emails reports --watch`,
    )
    .action(runStats);
}

async function runStats(given: readonly string[], flags: StatsFlags): Promise<void> {
  const config = await loadConfig(flags);
  const queues = given.length > 0 ? given : config.worker.queues;
  if (queues === undefined) {
    throw new QueueError("config", "No queue to look at: name one, or worker.queues in the configuration.");
  }
  await using queue = await openQueue(config.queue);
  using interrupt = flags.watch ? onSignals() : undefined;
  const watching = interrupt === undefined ? undefined : AbortSignal.any([interrupt.signal, stdoutClosed]);
  const show = await shower(flags);
  let rows: readonly StatsRow[];
  do {
    rows = await statsRows(queue, queues);
    show(rows);
    if (watching !== undefined) await sleep(systemClock, flags.interval, watching);
  } while (watching?.aborted === false);
  if (!flags.watch && rows.some(({ error }) => error !== undefined)) process.exitCode = exitCodes.failure;
}

/** How rows are shown: on a terminal that watches, each table over the one before. */
async function shower({ watch, json }: StatsFlags): Promise<(rows: readonly StatsRow[]) => void> {
  if (json) return (rows) => print(JSON.stringify(rows));
  if (!watch || !process.stdout.isTTY) return (rows) => print(statsTable(rows));
  const { default: logUpdate } = await import("log-update");
  return (rows) => logUpdate(`${statsTable(rows)}\n${new Date().toLocaleTimeString()}, Ctrl-C ends`);
}

/** The rows as a table for people. */
export function statsTable(rows: readonly StatsRow[]): string {
  const { bold, red, dim } = colorsFor(process.stdout);
  const table = new Table({
    head: ["queue", "ready", "in flight", "delayed", "failed"].map((title) => bold(title)),
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  for (const { queue, error, approximate, ...counts } of rows) {
    if (error !== undefined) {
      table.push([queue, { colSpan: 4, content: red(error) }]);
      continue;
    }
    const show = (count: number | null): string =>
      count === null ? dim("–") : `${approximate ? "~" : ""}${count}`;
    const failed = show(counts.failed);
    // Where ready and in flight are counted as one, there are at most so many of each.
    const atMost = counts.active === null ? show(null) : `≤${show(counts.active)}`;
    table.push([
      queue,
      counts.messages === null ? atMost : show(counts.messages),
      counts.inFlight === null ? atMost : show(counts.inFlight),
      show(counts.delayed),
      counts.failed === null || counts.failed === 0 ? failed : red(failed),
    ]);
  }
  return table.toString();
}
