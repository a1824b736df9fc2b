import { Command, InvalidArgumentError } from "commander";
import type { RedriveResult, RedriveStep } from "../../src/dead-letter/dead-letters.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { addSourceOptions, type SourceFlags } from "../lib/options.ts";
import { colorsFor, errorLine, print, warn } from "../lib/output.ts";
import { progressBar } from "./progress.ts";
import { Interrupted, onSignals } from "../lib/signals.ts";
import { changeText } from "./transform.ts";
import { addFilterOptions, type FilterFlags, filterOf } from "./select.ts";
import { openLetters } from "./open.ts";
import { readTransform } from "./transform-file.ts";

interface RedriveFlags extends SourceFlags, FilterFlags {
  readonly to?: string;
  readonly transform?: string;
  readonly rate?: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Failures and changes that are told one by one; the rest is in the counts. */
const TOLD = 20;

/** `queueport dlq redrive`. */
export function redriveCommand(): Command {
  const command = new Command("redrive")
    .description("Send dead letters back to their queue, or to another. Their attempts start over.")
    .argument("<queue>", "the queue that they came from");
  return addFilterOptions(addSourceOptions(command))
    .option("--to <queue>", "send them to this queue instead")
    .option(
      "--transform <file>",
      "module whose function (message, info) mends each; file#name for a named one",
    )
    .option("--rate <n>", "so many a second at most (default: no limit)", rate)
    .option("--dry-run", "move nothing; show what would be done, and what a transform changes")
    .option("--json", "print the counts as JSON")
    .addHelpText(
      "after",
      `
Each is sent before it is removed: to be killed half way leaves one twice at most. Ctrl-C ends it after the messages at
hand and prints what was done. What a transform throws over stays where it is; the exit code is then 1.

Example:
  $ queueport dlq redrive emails --group 3f9c0a51be77 --transform ./mend.ts --dry-run
  $ queueport dlq redrive emails --group 3f9c0a51be77 --transform ./mend.ts --rate 50`,
    )
    .action(runRedrive);
}

async function runRedrive(name: string, flags: RedriveFlags): Promise<void> {
  const { to, rate: ratePerSecond, dryRun = false, json = false } = flags;
  const transform = flags.transform === undefined ? undefined : await readTransform(flags.transform);
  await using opened = await openLetters(name, flags);
  using interrupt = onSignals();
  const bar = await progressBar(dryRun ? "looking" : "redriving", opened.total, json || dryRun);
  const teller = new Teller(dryRun && !json);
  let result: RedriveResult = { matched: 0, redriven: 0, skipped: 0, failed: 0 };
  let failure: unknown;
  try {
    result = await opened.letters.redrive({
      ...filterOf(flags),
      to,
      transform,
      ratePerSecond,
      dryRun,
      signal: interrupt.signal,
      onMessage: (step) => teller.tell(step),
      onProgress: (done) => {
        result = done;
        bar.update(done.matched);
      },
    });
  } catch (error) {
    failure = error;
  }
  bar[Symbol.dispose]();
  teller.end();
  const isDone = failure === undefined && !interrupt.signal.aborted;
  if (json) print(JSON.stringify({ queue: name, to: to ?? name, dryRun, ...result }));
  else if (isDone || result.matched > 0) print(countsText(result, name, flags));
  // What was done by then is told first, whatever ended it.
  if (failure !== undefined) throw failure;
  if (interrupt.signal.aborted) throw new Interrupted("the others are where they were.");
  if (result.failed > 0) process.exitCode = exitCodes.failure;
}

function countsText(
  { matched, redriven, skipped, failed }: RedriveResult,
  name: string,
  { to = name, dryRun = false }: RedriveFlags,
): string {
  const { green, dim } = colorsFor(process.stdout);
  if (matched === 0) return `Nothing to redrive: no dead letter of ${name} matches.`;
  const rest = [
    skipped > 0 ? `${skipped} left by the transform` : "",
    failed > 0 ? `${failed} failed and left where they are` : "",
  ].filter((part) => part !== "");
  const done = `${redriven} ${dryRun ? "would be redriven" : green("redriven")} to ${to}`;
  return [done, ...rest, ...(dryRun ? [dim("dry run: nothing was moved")] : [])].join(", ");
}

/** Tells what becomes of single letters; not of thousands. */
class Teller {
  readonly #showsChanges: boolean;
  #told = 0;
  #untold = 0;

  constructor(showsChanges: boolean) {
    this.#showsChanges = showsChanges;
  }

  tell(step: RedriveStep): void {
    const { deadLetter: letter, outcome, error } = step;
    const change = this.#showsChanges ? changeText(step) : "";
    if (outcome !== "failed" && change === "") return;
    if (this.#told >= TOLD) {
      this.#untold += 1;
      return;
    }
    this.#told += 1;
    if (outcome === "failed") warn(`${letter.id} stays: ${errorLine(error)}`);
    else print(change);
  }

  end(): void {
    if (this.#untold > 0) warn(`${this.#untold} more changes or failures are not shown.`);
  }
}

function rate(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a number more than 0.");
}
