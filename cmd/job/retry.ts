import type { Jobs } from "../../src/jobs/jobs.ts";
import { addHelp } from "../lib/help.ts";
import { memoryWarning } from "../lib/open.ts";
import { warn } from "../lib/output.ts";
import { addManyOptions, changeMany, type ManyFlags } from "./many.ts";
import { FAILED, filterOf, jobSubcommand } from "./select.ts";

interface RetryFlags extends ManyFlags {
  readonly force?: boolean;
}

/** `queueport job retry`: runs jobs again that are over, as their records say. */
export function retryCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "retry",
    "Run jobs again that failed or were cancelled",
    "Sends jobs again that failed or were cancelled, from their records. Their attempts start over. A dead letter of such a job stays where it is. The jobs of a filter are sent after a confirmation with their number.",
  )
    .optionsGroup("Retry:")
    .option("--force", "run a completed or lost job again, too; only with ids");
  addManyOptions(command, "sent again");
  return addHelp(command, {
    examples: [
      "queueport job retry 01a21575-71c0-702f-bd55-97a156dbe221",
      "queueport job retry --status failed --error 3f9c0a51be77 --dry-run",
    ],
    exitCodes: { 0: "the jobs are sent again", 1: FAILED },
    hasSignals: true,
  }).action(runRetry);
}

async function runRetry(ids: readonly string[], flags: RetryFlags): Promise<void> {
  /** Says once that no worker gets the message, if this process sends it to its own memory. */
  let isWarned = false;
  const warnOfMemory = ({ queue }: Jobs): void => {
    const warning = isWarned ? undefined : memoryWarning(queue);
    isWarned = true;
    if (warning !== undefined) warn(warning);
  };
  await changeMany(ids, flags, {
    verb: "Retry",
    done: "sent again",
    one: async ({ jobs }, id) => {
      warnOfMemory(jobs);
      const { status } = await jobs.retry(id, { force: flags.force });
      return status;
    },
    all: ({ jobs }, dryRun) => {
      if (!dryRun) warnOfMemory(jobs);
      return jobs.retryAll(filterOf(flags), { dryRun });
    },
  });
}
