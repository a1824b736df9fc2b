import { Command } from "commander";
import { openQueue } from "../adapters/open.ts";
import type { QueueChange } from "../src/driver/contract.ts";
import { QueueError } from "../src/errors.ts";
import type { Queue } from "../src/queue/queue.ts";
import { loadConfig } from "./lib/config-file.ts";
import { exitCodes } from "./lib/exit-codes.ts";
import { addHelp } from "./lib/help.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "./lib/options.ts";
import { colorsFor, errorLine, print, printError } from "./lib/output.ts";
import {
  addQueueOptions,
  addQueuesArgument,
  type QueueFlags,
  type QueueTarget,
  queueTargets,
} from "./lib/queues.ts";

interface ProvisionFlags extends ConfigFlags, JsonFlags, QueueFlags {
  readonly dryRun?: boolean;
}

/** The changes that were made to one queue, or would be in a dry run. */
interface ProvisionResult {
  readonly queue: string;
  readonly changes: readonly QueueChange[];
  readonly error?: string;
}

/** `queueport provision`: creates queues and corrects their policies. */
export function provisionCommand(): Command {
  const command = new Command("provision").summary("Create queues and correct their policies").description(
    `Creates the queues that do not exist, each with its dead-letter queue and, if the provider needs one, its delay queue. Changes policies that differ from what queueport needs. A second run changes nothing.

Each difference is printed: + is created, ~ is changed, ! cannot be changed.`,
  );
  addQueuesArgument(command)
    .optionsGroup("Mode:")
    .option("--dry-run", "print the differences and change nothing");
  addQueueOptions(command);
  addConfigOptions(command);
  addJsonOption(command, "each queue with its changes");
  return addHelp(command, {
    examples: ["queueport provision emails reports --dry-run", "queueport provision emails reports"],
    exitCodes: {
      0: "every queue is as it should be, or would be after this dry run",
      1: "a queue could not be created or changed; the others were",
    },
  }).action(runProvision);
}

async function runProvision(given: readonly string[], flags: ProvisionFlags): Promise<void> {
  const config = await loadConfig(flags);
  const targets = queueTargets(given, config, flags);
  await using queue = await openQueue(config.queue);
  const results: ProvisionResult[] = [];
  for (const target of targets) {
    const result = await provision(queue, target, flags.dryRun === true);
    results.push(result);
    if (!flags.json) show(result, flags.dryRun === true);
  }
  if (flags.json) print(JSON.stringify(results));
  if (results.some(({ error }) => error !== undefined)) process.exitCode = exitCodes.failure;
}

/** Provisions one queue. An error is part of the result, so that the other queues are still provisioned. */
async function provision(
  queue: Queue,
  { name, options }: QueueTarget,
  dryRun: boolean,
): Promise<ProvisionResult> {
  let changes: readonly QueueChange[] = [];
  try {
    changes = await queue.plan(name, options);
    const conflict = changes.find(({ kind }) => kind === "conflict");
    if (conflict !== undefined) throw conflictError(name, conflict);
    if (!dryRun && changes.length > 0) await queue.ensure(name, options);
    return { queue: name, changes };
  } catch (error) {
    return { queue: name, changes, error: errorLine(error) };
  }
}

function conflictError(name: string, { resource, setting, from, to }: QueueChange): QueueError {
  const otherwise = to === "none" || to === "false" ? `pass --ordered ${name}` : "choose another name";
  return new QueueError(
    "provider",
    `The ${resource} has ${setting} ${from ?? "unset"}, which cannot become ${to ?? "unset"}. Delete the queue first, or ${otherwise}.`,
  );
}

function show({ queue, changes, error }: ProvisionResult, dryRun: boolean): void {
  const { bold, green, dim } = colorsFor(process.stdout);
  const done = dryRun ? "would be changed" : green("done");
  const state = error === undefined ? (changes.length === 0 ? dim("nothing to change") : done) : "failed";
  print(`${bold(queue)}: ${state}`);
  for (const change of changes) print(`  ${changeLine(change)}`);
  if (error !== undefined) printError(new QueueError("provider", error), false);
}

function changeLine({ kind, resource, setting, from, to }: QueueChange): string {
  const { green, yellow, red } = colorsFor(process.stdout);
  if (kind === "create") return green(`+ ${resource}`);
  const text = `${resource}: ${setting} ${from ?? "unset"} → ${to ?? "unset"}`;
  return kind === "change" ? yellow(`~ ${text}`) : red(`! ${text}`);
}
