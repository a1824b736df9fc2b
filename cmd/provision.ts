import { Command } from "commander";
import type { QueueChange } from "../src/driver/contract.ts";
import { isQueueError, QueueError } from "../src/errors.ts";
import type { Queue } from "../src/queue/queue.ts";
import { loadConfig } from "./lib/config-file.ts";
import { openConfigured } from "./lib/open.ts";
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
  /** False if the adapter cannot compare a queue with its specification; the queue was ensured without a list of changes. */
  readonly compared?: false;
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
  await using queue = await openConfigured(config);
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
async function provision(queue: Queue, target: QueueTarget, dryRun: boolean): Promise<ProvisionResult> {
  const { name, options } = target;
  let changes: readonly QueueChange[] = [];
  try {
    changes = await queue.plan(name, options);
    const conflict = changes.find(({ kind }) => kind === "conflict");
    if (conflict !== undefined) throw conflictError(name, conflict);
    if (!dryRun && changes.length > 0) await queue.ensure(name, options);
    return { queue: name, changes };
  } catch (error) {
    if (isQueueError(error, "not_supported") && !dryRun && changes.length === 0)
      return ensureBlindly(queue, target);
    return { queue: name, changes, error: errorLine(error) };
  }
}

/** Ensures a queue on an adapter that cannot list the changes. */
async function ensureBlindly(queue: Queue, { name, options }: QueueTarget): Promise<ProvisionResult> {
  try {
    await queue.ensure(name, options);
    return { queue: name, changes: [], compared: false };
  } catch (error) {
    return { queue: name, changes: [], error: errorLine(error) };
  }
}

function conflictError(name: string, { resource, setting, from, to }: QueueChange): QueueError {
  const otherwise = to === "none" || to === "false" ? `pass --ordered ${name}` : "choose another name";
  return new QueueError(
    "provider",
    `The ${resource} has ${setting} ${from ?? "unset"}, which cannot become ${to ?? "unset"}. Delete the queue first, or ${otherwise}.`,
  );
}

function show(result: ProvisionResult, dryRun: boolean): void {
  const { queue, changes, error } = result;
  print(`${colorsFor(process.stdout).bold(queue)}: ${stateText(result, dryRun)}`);
  for (const change of changes) print(`  ${changeLine(change)}`);
  if (error !== undefined) printError(new QueueError("provider", error), false);
}

function stateText({ changes, compared, error }: ProvisionResult, dryRun: boolean): string {
  const { green, dim } = colorsFor(process.stdout);
  if (error !== undefined) return "failed";
  if (compared === false)
    return `${green("done")}, without a list of changes, which this adapter does not have`;
  if (changes.length === 0) return dim("nothing to change");
  return dryRun ? "would be changed" : green("done");
}

function changeLine({ kind, resource, setting, from, to }: QueueChange): string {
  const { green, yellow, red } = colorsFor(process.stdout);
  if (kind === "create") return green(`+ ${resource}`);
  const text = `${resource}: ${setting} ${from ?? "unset"} → ${to ?? "unset"}`;
  return kind === "change" ? yellow(`~ ${text}`) : red(`! ${text}`);
}
