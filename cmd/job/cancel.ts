import { QueueError } from "../../src/errors.ts";
import type { CancelOutcome } from "../../src/jobs/job-handle.ts";
import { addHelp } from "../lib/help.ts";
import { addManyOptions, changeMany, type ManyFlags } from "./many.ts";
import { FAILED, filterOf, jobSubcommand } from "./select.ts";

interface CancelFlags extends ManyFlags {
  readonly reason?: string;
  readonly unknown?: boolean;
}

/** `queueport job cancel`: cancels jobs that have not started, and asks running ones to end. */
export function cancelCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "cancel",
    "Cancel jobs, whether or not they run",
    "Cancels jobs. A job that has not started is cancelled at once. The handler of a job that runs is asked to end by its signal, in whichever process it runs; a handler that returns all the same completes its job. The jobs of a filter are cancelled after a confirmation with their number.",
  )
    .optionsGroup("Cancellation:")
    .option("--reason <text>", "reason, which is recorded with the job")
    .option("--unknown", "also cancel ids that are not known yet, in advance");
  addManyOptions(command, "cancelled");
  return addHelp(command, {
    examples: [
      "queueport job cancel 01a21575-71c0-702f-bd55-97a156dbe221 --reason 'user left'",
      "queueport job cancel --type import --status queued,scheduled",
    ],
    exitCodes: { 0: "the jobs were cancelled, or are asked to end", 1: FAILED },
    hasSignals: true,
  }).action(runCancel);
}

async function runCancel(ids: readonly string[], flags: CancelFlags): Promise<void> {
  const { reason, unknown = false } = flags;
  await changeMany(ids, flags, {
    verb: "Cancel",
    done: "cancelled",
    one: async ({ jobs }, id) => outcomeText(id, await jobs.cancel(id, { reason, onlyKnown: !unknown })),
    all: ({ jobs }, dryRun) =>
      jobs.cancelAll(filterOf(flags), { dryRun, ...(reason !== undefined && { reason }) }),
  });
}

function outcomeText(id: string, outcome: CancelOutcome): string {
  if (outcome !== "finished") return outcome;
  throw new QueueError("conflict", `Job ${id} is over, so it was not cancelled.`);
}
