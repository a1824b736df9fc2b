import { addHelp } from "../lib/help.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { recordOf } from "../../src/jobs/job-record.ts";
import { addIdArgument, FAILED, getJob, jobSubcommand, openJobsOf } from "./select.ts";
import { logText } from "./show-jobs.ts";

/** `queueport job logs`: the lines that the handler of a job has logged. */
export function logsCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "logs",
    "Show the lines that a job has logged",
    "Shows the lines that the handler has logged with the job: the last 100, over all of its runs.",
  );
  addIdArgument(command);
  addConfigOptions(command);
  addJsonOption(command, "the lines");
  return addHelp(command, {
    examples: ["queueport job logs 01a21575-71c0-702f-bd55-97a156dbe221"],
    exitCodes: { 0: "the lines were printed; there may be none", 1: FAILED },
    hasSignals: true,
  }).action(runLogs);
}

async function runLogs(id: string, flags: ConfigFlags & JsonFlags): Promise<void> {
  await using opened = await openJobsOf(flags);
  const job = await getJob(opened.jobs, id, ["logs"]);
  if (flags.json) return print(JSON.stringify(recordOf(job).logs ?? []));
  const { logs = [] } = job;
  print(logs.length === 0 ? `Job ${id} has logged nothing.` : logText(logs));
}
