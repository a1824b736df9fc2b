import { addHelp } from "../lib/help.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { addIdArgument, FAILED, getJob, jobSubcommand, openJobsOf } from "./select.ts";
import { jobJson, jobText } from "./show-jobs.ts";

/** `queueport job show`: everything about one job. */
export function showCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "show",
    "Show one job with its payload, its result and its log",
    "Shows everything about one job: its state, its runs, its payload, its result and its log.",
  );
  addIdArgument(command);
  addConfigOptions(command);
  addJsonOption(command, "the record");
  return addHelp(command, {
    examples: ["queueport job show 01a21575-71c0-702f-bd55-97a156dbe221"],
    exitCodes: { 0: "the job was printed", 1: FAILED },
    hasSignals: true,
  }).action(runShow);
}

async function runShow(id: string, flags: ConfigFlags & JsonFlags): Promise<void> {
  await using opened = await openJobsOf(flags);
  const job = await getJob(opened.jobs, id, ["payload", "result", "logs"]);
  print(flags.json ? jobJson(job) : jobText(job));
}
