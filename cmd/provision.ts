import { Command } from "commander";
import { openQueue } from "../adapters/open.ts";
import type { QueueChange } from "../src/driver/contract.ts";
import { QueueError } from "../src/errors.ts";
import type { Queue } from "../src/queue.ts";
import { loadConfig } from "./lib/config-file.ts";
import { exitCodes } from "./lib/exit-codes.ts";
import { addSourceOptions, names, type SourceFlags } from "./lib/options.ts";
import { colorsFor, errorLine, print, printError } from "./lib/output.ts";
import { addQueueOptions, type QueueFlags, type Wanted, wantedQueues } from "./lib/queues.ts";

interface ProvisionFlags extends SourceFlags, QueueFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What was done, or is to be, with one queue. */
interface Row {
  readonly queue: string;
  readonly changes: readonly QueueChange[];
  readonly error?: string;
}

/** `queueport provision`: what a configuration names comes into being, and is as it has to be. */
export function provisionCommand(): Command {
  const command = new Command("provision")
    .description("Create queues with their dead-letter and parking queues, and agree their policies.")
    .argument("[queue...]", "queues (default: worker.queues of the configuration)", names);
  return addQueueOptions(addSourceOptions(command))
    .option("--dry-run", "change nothing; show what would be, against what the provider has")
    .option("--json", "print JSON: each queue with its changes")
    .addHelpText(
      "after",
      `
Prints what differs from what the provider has, and brings it about; done twice, the second time changes nothing.
With + what is created, with ~ what is changed, with ! what cannot be: the exit code is then 1.

Example:
  $ queueport provision emails reports --dry-run
  $ queueport provision emails reports`,
    )
    .action(runProvision);
}

async function runProvision(given: readonly string[], flags: ProvisionFlags): Promise<void> {
  const config = await loadConfig(flags);
  const wanted = wantedQueues(given, config, flags);
  await using queue = await openQueue(config.queue);
  const rows: Row[] = [];
  for (const one of wanted) {
    const row = await provision(queue, one, flags.dryRun === true);
    rows.push(row);
    if (!flags.json) show(row, flags.dryRun === true);
  }
  if (flags.json) print(JSON.stringify(rows));
  if (rows.some(({ error }) => error !== undefined)) process.exitCode = exitCodes.failure;
}

/** A queue that fails, fails alone. */
async function provision(queue: Queue, { name, options }: Wanted, dryRun: boolean): Promise<Row> {
  let changes: readonly QueueChange[] = [];
  try {
    changes = await queue.plan(name, options);
    const conflict = changes.find(({ kind }) => kind === "conflict");
    if (conflict !== undefined) {
      const { resource, setting, from, to } = conflict;
      throw new QueueError(
        "provider",
        `The ${resource} has ${setting} ${from ?? "unset"}, which cannot become ${to ?? "unset"}. Drop the queue first, or ${to === "none" || to === "false" ? `give --ordered ${name}` : "take another name"}.`,
      );
    }
    if (!dryRun && changes.length > 0) await queue.ensure(name, options);
    return { queue: name, changes };
  } catch (error) {
    return { queue: name, changes, error: errorLine(error) };
  }
}

function show({ queue, changes, error }: Row, dryRun: boolean): void {
  const { bold, green, dim } = colorsFor(process.stdout);
  const done = dryRun ? "would be changed" : green("done");
  const state = error === undefined ? (changes.length === 0 ? dim("nothing to change") : done) : "failed";
  print(`${bold(queue)}: ${state}`);
  for (const change of changes) print(`  ${changeLine(change)}`);
  if (error !== undefined) printError(new QueueError("provider", error), false);
}

/** One change as a line. */
export function changeLine({ kind, resource, setting, from, to }: QueueChange): string {
  const { green, yellow, red } = colorsFor(process.stdout);
  if (kind === "create") return green(`+ ${resource}`);
  const text = `${resource}: ${setting} ${from ?? "unset"} → ${to ?? "unset"}`;
  return kind === "change" ? yellow(`~ ${text}`) : red(`! ${text}`);
}
