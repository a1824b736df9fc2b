import { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import { addSourceOptions, type SourceFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { progressBar } from "./progress.ts";
import { Interrupted, onSignals } from "../lib/signals.ts";
import { addFilterOptions, type FilterFlags, filterOf } from "./select.ts";
import { openLetters } from "./open.ts";

interface DiscardFlags extends SourceFlags, FilterFlags {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `queueport dlq discard`. */
export function discardCommand(): Command {
  const command = new Command("discard")
    .description("Remove dead letters for good. Asks first.")
    .argument("<queue>", "the queue that they came from");
  return addFilterOptions(addSourceOptions(command))
    .option("--all", "all of them; needed where nothing else says which")
    .option("-y, --yes", "do not ask; needed where there is no terminal")
    .option("--json", "print the count as JSON")
    .addHelpText(
      "after",
      `
Example:
  $ queueport dlq discard emails --reason malformed
  $ queueport dlq discard emails --group 3f9c0a51be77 --yes`,
    )
    .action(runDiscard);
}

async function runDiscard(name: string, flags: DiscardFlags): Promise<void> {
  const { all = false, yes = false, json = false } = flags;
  const asked = filterOf(flags);
  // What comes while the question stands was not asked about.
  const filter = { ...asked, until: yes ? undefined : new Date() };
  if (!all && Object.values(asked).every((value) => value === undefined)) {
    throw new QueueError("config", "Which ones? Give --id, --type, --reason, --group or --since, or --all.");
  }
  if (!yes && !(process.stdin.isTTY && process.stderr.isTTY)) {
    throw new QueueError(
      "config",
      "There is no terminal to ask on: give --yes to discard without being asked.",
    );
  }
  await using opened = await openLetters(name, flags);
  using interrupt = onSignals();
  const { signal } = interrupt;
  const run = async (label: string, dryRun: boolean): Promise<number> => {
    const bar = await progressBar(label, opened.total, json);
    return opened.letters
      .discard({ ...filter, dryRun, signal, onProgress: (done) => bar.update(done) })
      .finally(() => bar[Symbol.dispose]());
  };
  let discarded = 0;
  if (yes || (await isConfirmed(name, await run("counting", true), signal))) {
    discarded = await run("discarding", false);
  }
  const none = yes
    ? `Nothing to discard: no dead letter of ${name} matches.`
    : `Nothing of ${name} was discarded.`;
  const text = discarded === 0 ? none : `${discarded} of ${name} discarded`;
  print(json ? JSON.stringify({ queue: name, discarded }) : text);
  if (signal.aborted) throw new Interrupted("the others are where they were.");
}

async function isConfirmed(name: string, count: number, interrupted: AbortSignal): Promise<boolean> {
  if (count === 0 || interrupted.aborted) return false;
  // Ctrl-D, or a terminal that is gone: nobody answers any more.
  const gone = new AbortController();
  process.stdin.once("end", () => gone.abort());
  const signal = AbortSignal.any([interrupted, gone.signal]);
  const { default: confirm } = await import("@inquirer/confirm");
  const message = `Discard ${count} dead letter${count === 1 ? "" : "s"} of ${name} for good?`;
  try {
    return await confirm({ message, default: false }, { signal, output: process.stderr });
  } catch (error) {
    // Ctrl-C at the question is a no.
    if (signal.aborted || (error as Error).name === "ExitPromptError") return false;
    throw error;
  }
}
