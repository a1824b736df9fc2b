import type { Command } from "commander";
import { describeError, QueueError } from "../../src/errors.ts";
import { assertTerminal, isConfirmed } from "../lib/confirm.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { addJsonOption } from "../lib/options.ts";
import { errorLine, print, warn } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import { addFilterOptions, type FilterFlags, type OpenedJobs, openJobsOf, selectsAll } from "./select.ts";
import { jobsCounted } from "./show-jobs.ts";

/** The flags of a command that changes the jobs that are named, or all that match a filter. */
export interface ManyFlags extends FilterFlags {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Adds the ids, the filters and the flags of {@link ManyFlags}. `done` names the change, such as `cancelled`. */
export function addManyOptions(command: Command, done: string): Command {
  command
    .argument("[id...]", "ids of jobs; without an id, the jobs that match the filters")
    .optionsGroup("Mode:")
    .option("--all", "change all jobs; required if there is neither an id nor a filter")
    .option("--dry-run", `print how many jobs would be ${done}, and change nothing`)
    .option("-y, --yes", "change the jobs of a filter without asking; required if there is no terminal");
  addFilterOptions(command);
  return addJsonOption(command, "the outcome");
}

/** A change of jobs. */
export interface Change {
  /** The verb of the question, such as `Cancel`. */
  readonly verb: string;
  /** The participle, such as `cancelled`. */
  readonly done: string;
  /** Changes one job, and returns what became of it. Throws if it is not as it was asked. */
  one(opened: OpenedJobs, id: string): Promise<string>;
  /** Changes all jobs that the flags select, or counts them. */
  all(opened: OpenedJobs, dryRun: boolean): Promise<number>;
}

/**
 * Changes the jobs with these ids, or those that the filters select.
 * @throws QueueError `config` if nothing is selected, or a confirmation is needed and there is no terminal
 */
export async function changeMany(ids: readonly string[], flags: ManyFlags, change: Change): Promise<void> {
  const { all = false, dryRun = false, yes = false } = flags;
  const isFiltered = !selectsAll(flags);
  if (ids.length > 0 && (isFiltered || all)) {
    throw new QueueError("config", "Ids and filters exclude each other: pass ids, or filters, or --all.");
  }
  if (ids.length === 0 && !isFiltered && !all) {
    throw new QueueError("config", "No jobs are selected: pass an id, a filter such as --type, or --all.");
  }
  if (ids.length === 0 && !yes && !dryRun) assertTerminal(change.verb.toLowerCase());
  await using opened = await openJobsOf(flags);
  if (ids.length > 0) await changeEach(opened, ids, flags, change);
  else await changeSelected(opened, flags, change);
}

async function changeEach(
  opened: OpenedJobs,
  ids: readonly string[],
  { json, dryRun = false }: ManyFlags,
  change: Change,
): Promise<void> {
  for (const id of new Set(ids)) {
    if (opened.signal.aborted) throw new Interrupted("the other jobs were not changed.");
    try {
      const outcome = dryRun ? `would be ${change.done}` : await change.one(opened, id);
      print(json ? JSON.stringify({ id, outcome, dryRun }) : `${id} ${outcome}`);
    } catch (error) {
      if (json) print(JSON.stringify({ id, error: describeError(error), dryRun }));
      else warn(errorLine(error));
      process.exitCode = exitCodes.failure;
    }
  }
}

async function changeSelected(opened: OpenedJobs, flags: ManyFlags, change: Change): Promise<void> {
  const { json, dryRun = false, yes = false } = flags;
  const { verb, done } = change;
  if (dryRun) {
    const count = await change.all(opened, true);
    return print(json ? JSON.stringify({ count, dryRun }) : `${jobsCounted(count)} would be ${done}`);
  }
  let count = 0;
  if (yes || (await isManyConfirmed(verb, await change.all(opened, true), opened.signal)))
    count = await change.all(opened, false);
  print(json ? JSON.stringify({ count, dryRun }) : `${jobsCounted(count)} ${done}`);
}

async function isManyConfirmed(verb: string, count: number, signal: AbortSignal): Promise<boolean> {
  return count > 0 && isConfirmed(`${verb} ${jobsCounted(count)}?`, signal);
}
