import { type Command, InvalidArgumentError } from "commander";
import type { RedriveResult, RedriveStep } from "../../src/queue/dead-letters.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { addHelp } from "../lib/help.ts";
import { assertTerminal, isConfirmed } from "../lib/confirm.ts";
import { addJsonOption } from "../lib/options.ts";
import { colorsFor, errorLine, print, warn } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import { progressBar } from "./progress.ts";
import {
  addFilterOptions,
  deadLetterCommand,
  type FilterFlags,
  filterOf,
  openDeadLetters,
  presentOnly,
} from "./select.ts";
import { changeText, loadTransform } from "./transform.ts";

interface RedriveFlags extends FilterFlags {
  readonly to?: string;
  readonly transform?: string;
  readonly rate?: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `queueport dlq redrive`: sends dead letters back to a queue. */
export function redriveCommand(): Command {
  const command = deadLetterCommand(
    "redrive",
    "Send dead letters back to their queue, or to another one",
    `Sends dead letters back to their queue, or to another one. Their attempts start over.

Each message is sent before its dead letter is removed, so a crash leaves at most one message twice. A dead letter whose transform throws, or whose result cannot be sent, stays in the dead-letter queue. Without a filter, the command asks for confirmation first, with the number of dead letters. Ctrl-C ends the command after the current batch and prints what was done.`,
  )
    .optionsGroup("Redrive:")
    .option("--to <queue>", "queue that the messages are sent to (default: the queue that they came from)")
    .option(
      "--transform <file>",
      "module whose default export changes each message: (message, info, deadLetter) => new message, or undefined to leave it; message is undefined if the body cannot be read; ./fix.ts#name selects another export",
    )
    .option("--rate <n>", "largest number of messages per second, such as 50 (default: no limit)", rate)
    .option("-y, --yes", "redrive without asking; required without a filter if there is no terminal")
    .option("--dry-run", "send nothing; print what would be done, and a diff for each transformed message");
  addFilterOptions(command);
  addJsonOption(command, "the counts");
  return addHelp(command, {
    examples: [
      "queueport dlq redrive emails --group 3f9c0a51be77 --transform ./fix.ts --dry-run",
      "queueport dlq redrive emails --group 3f9c0a51be77 --transform ./fix.ts --rate 50",
    ],
    exitCodes: {
      0: "every matching dead letter was redriven, or left by its transform",
      1: "a dead letter could not be redriven, the provider failed, or a signal ended the command early",
    },
    hasSignals: true,
  }).action(runRedrive);
}

async function runRedrive(name: string, flags: RedriveFlags): Promise<void> {
  const { to, rate: ratePerSecond, dryRun = false, json = false } = flags;
  const transform = flags.transform === undefined ? undefined : await loadTransform(flags.transform);
  const selected = filterOf(flags);
  const asks = mustAsk(flags);
  if (asks) assertTerminal("redrive all dead letters");
  const filter = asks ? presentOnly(selected) : selected;
  await using opened = await openDeadLetters(name, flags);
  const { deadLetters, total, signal } = opened;
  if (asks && total !== 0 && !(await isRedriveConfirmed(name, to, total, signal))) {
    print(
      json
        ? JSON.stringify({ queue: name, to: to ?? name, dryRun, ...NOTHING })
        : `Nothing of ${name} was redriven.`,
    );
    return;
  }
  const bar = await progressBar(dryRun ? "checking" : "redriving", total, json || dryRun);
  const reporter = new StepReporter(dryRun && !json);
  let result: RedriveResult = NOTHING;
  let failure: unknown;
  try {
    result = await deadLetters.redrive({
      ...filter,
      to,
      transform,
      ratePerSecond,
      dryRun,
      signal,
      onMessage: (step) => reporter.report(step),
      onProgress: (done) => {
        result = done;
        bar.update(done.matched);
      },
    });
  } catch (error) {
    failure = error;
  }
  bar[Symbol.dispose]();
  reporter.end();
  const isDone = failure === undefined && !signal.aborted;
  if (json) print(JSON.stringify({ queue: name, to: to ?? name, dryRun, ...result }));
  else if (isDone || result.matched > 0) print(countsText(result, name, flags));
  // The counts are printed before the error, so that it is known what was done until then.
  if (failure !== undefined) throw failure;
  if (signal.aborted) throw new Interrupted("the other dead letters were not changed.");
  if (result.failed > 0) process.exitCode = exitCodes.failure;
}

/** Whether a redrive changes all dead letters, without the consent to that. */
export function mustAsk(flags: RedriveFlags): boolean {
  const { dryRun = false, yes = false } = flags;
  return !dryRun && !yes && Object.values(filterOf(flags)).every((value) => value === undefined);
}

const NOTHING: RedriveResult = { matched: 0, redriven: 0, skipped: 0, failed: 0 };

function isRedriveConfirmed(
  name: string,
  to: string = name,
  total: number | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const what = total === undefined ? "all dead letters" : `all dead letters (${total})`;
  return isConfirmed(`Redrive ${what} of ${name} to ${to}?`, signal);
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

/** Reports failures, and in a dry run changes, one by one up to a limit. All of them are part of the counts. */
class StepReporter {
  static readonly #LIMIT = 20;
  readonly #showsChanges: boolean;
  #reported = 0;
  #omitted = 0;

  constructor(showsChanges: boolean) {
    this.#showsChanges = showsChanges;
  }

  report(step: RedriveStep): void {
    const change = this.#showsChanges ? changeText(step) : "";
    if (step.outcome !== "failed" && change === "") return;
    if (this.#reported >= StepReporter.#LIMIT) {
      this.#omitted += 1;
      return;
    }
    this.#reported += 1;
    if (step.outcome === "failed") warn(`${step.deadLetter.id} stays: ${errorLine(step.error)}`);
    else print(change);
  }

  end(): void {
    if (this.#omitted > 0) warn(`${this.#omitted} more changes or failures are not shown.`);
  }
}

function rate(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a number more than 0.");
}
