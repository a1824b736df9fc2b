import { isFinal } from "../../src/jobs/store/job-row.ts";
import { QueueError } from "../../src/errors.ts";
import { addHelp } from "../lib/help.ts";
import { addConfigOptions, type ConfigFlags, positiveDuration } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { addIdArgument, getJob, jobSubcommand, openJobsOf } from "./select.ts";

interface ResultFlags extends ConfigFlags {
  readonly wait?: number;
}

/** `queueport job result`: the result of a job, as JSON. */
export function resultCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "result",
    "Print the result of a job as JSON",
    "Prints the result of a completed job as JSON: what its handler returned, or null.",
  );
  addIdArgument(command)
    .optionsGroup("Waiting:")
    .option("--wait <duration>", "time to wait for the end of the job, such as 30s", positiveDuration);
  addConfigOptions(command);
  return addHelp(command, {
    examples: ["queueport job result 01a21575-71c0-702f-bd55-97a156dbe221 --wait 30s"],
    exitCodes: {
      0: "the result was printed",
      1: "the job failed, was cancelled or is not over, or there is no such job",
    },
    hasSignals: true,
  }).action(runResult);
}

async function runResult(id: string, flags: ResultFlags): Promise<void> {
  await using opened = await openJobsOf(flags);
  const { jobs, signal } = opened;
  const job = await getJob(jobs, id);
  if (!isFinal(job.status) && flags.wait === undefined) {
    throw new QueueError(
      "conflict",
      `Job ${id} is ${job.status}, so it has no result yet: pass --wait <duration> to wait for it.`,
    );
  }
  const result = await jobs.job(id).result({ timeoutMs: flags.wait, signal });
  print(JSON.stringify(result ?? null));
}
