import type { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import { addHelp } from "../lib/help.ts";
import { assertTerminal, isConfirmed } from "../lib/confirm.ts";
import { addJsonOption } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import { progressBar } from "./progress.ts";
import {
  addFilterOptions,
  deadLetterCommand,
  FAILED,
  type FilterFlags,
  filterOf,
  openDeadLetters,
  presentOnly,
} from "./select.ts";

interface DiscardFlags extends FilterFlags {
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** `queueport dlq discard`: removes dead letters permanently. */
export function discardCommand(): Command {
  const command = deadLetterCommand(
    "discard",
    "Remove dead letters permanently",
    "Removes dead letters permanently. Asks for confirmation first, with their number. Ctrl-C ends the command after the current batch; the number that was removed is printed.",
  )
    .optionsGroup("Mode:")
    .option("--all", "remove all dead letters; required if there is no filter")
    .option("-y, --yes", "remove without asking; required if there is no terminal");
  addFilterOptions(command);
  addJsonOption(command, "the number of removed dead letters");
  return addHelp(command, {
    examples: [
      "queueport dlq discard emails --reason malformed",
      "queueport dlq discard emails --group 3f9c0a51be77 --yes",
    ],
    exitCodes: {
      0: "the matching dead letters were removed, or you answered no",
      1: FAILED,
    },
    hasSignals: true,
  }).action(runDiscard);
}

async function runDiscard(name: string, flags: DiscardFlags): Promise<void> {
  const { all = false, yes = false, json = false } = flags;
  const selected = filterOf(flags);
  const filter = yes ? selected : presentOnly(selected);
  if (!all && Object.values(selected).every((value) => value === undefined)) {
    throw new QueueError(
      "config",
      "No dead letters are selected: pass --id, --type, --reason, --group or --since, or --all.",
    );
  }
  if (!yes) assertTerminal("discard");
  await using opened = await openDeadLetters(name, flags);
  const { deadLetters, total, signal } = opened;
  const run = async (label: string, dryRun: boolean): Promise<number> => {
    const bar = await progressBar(label, total, json);
    return deadLetters
      .discard({ ...filter, dryRun, signal, onProgress: (done) => bar.update(done) })
      .finally(() => bar[Symbol.dispose]());
  };
  let discarded = 0;
  if (yes || (await isDiscardConfirmed(name, await run("counting", true), signal))) {
    discarded = await run("discarding", false);
  }
  const none = yes
    ? `Nothing to discard: no dead letter of ${name} matches.`
    : `Nothing of ${name} was discarded.`;
  const text = discarded === 0 ? none : `${discarded} of ${name} discarded`;
  print(json ? JSON.stringify({ queue: name, discarded }) : text);
  if (signal.aborted) throw new Interrupted("the other dead letters were not changed.");
}

async function isDiscardConfirmed(name: string, count: number, signal: AbortSignal): Promise<boolean> {
  if (count === 0) return false;
  const what = `${count} dead letter${count === 1 ? "" : "s"}`;
  return isConfirmed(`Discard ${what} of ${name} permanently?`, signal);
}
