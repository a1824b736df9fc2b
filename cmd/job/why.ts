import { addHelp } from "../lib/help.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { safeLine } from "../lib/terminal.ts";
import { addIdArgument, FAILED, getJob, jobSubcommand, openJobsOf } from "./select.ts";

/** `queueport job why`: the reasons for which a job waits. */
export function whyCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "why",
    "Explain why a job has not started, or does not go on",
    "Explains in sentences why a job has not started yet, does not go on, or is over.",
  );
  addIdArgument(command);
  addConfigOptions(command);
  addJsonOption(command, "the state and the reasons");
  return addHelp(command, {
    examples: ["queueport job why 01a21575-71c0-702f-bd55-97a156dbe221"],
    exitCodes: { 0: "the reasons were printed", 1: FAILED },
    hasSignals: true,
  }).action(runWhy);
}

/** One line for each reason. A message of an error may have lines that look like other reasons. */
export function reasonsText(reasons: readonly string[]): string {
  return reasons.map((reason) => safeLine(reason)).join("\n");
}

async function runWhy(id: string, flags: ConfigFlags & JsonFlags): Promise<void> {
  await using opened = await openJobsOf(flags);
  const { status } = await getJob(opened.jobs, id);
  const reasons = await opened.jobs.explain(id);
  print(flags.json ? JSON.stringify({ id, status, reasons }) : reasonsText(reasons));
}
