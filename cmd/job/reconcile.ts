import { Option } from "commander";
import { recordOf } from "../../src/jobs/job-record.ts";
import { assertTerminal, isConfirmed } from "../lib/confirm.ts";
import { addHelp } from "../lib/help.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { FAILED, jobSubcommand, openJobsOf } from "./select.ts";
import { jobsCounted, jobsTable } from "./show-jobs.ts";

const outcomes = ["completed", "failed", "lost"] as const;

interface ReconcileFlags extends ConfigFlags, JsonFlags {
  readonly assume?: (typeof outcomes)[number];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `queueport job reconcile`: closes the records of jobs whose message is gone. */
export function reconcileCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "reconcile",
    "Close the records of jobs whose message is gone",
    "Closes the records of jobs that cannot go on: jobs that the provider has dead-lettered itself become failed, and jobs whose message has left the queue without an end become lost. --assume decides about all jobs of which no run is known to go on.",
  )
    .optionsGroup("Mode:")
    .addOption(
      new Option("--assume <outcome>", "outcome of jobs of which no run is known to go on").choices(outcomes),
    )
    .option("--dry-run", "print the jobs, and change nothing")
    .option("-y, --yes", "assume an outcome without asking; required if there is no terminal");
  addConfigOptions(command);
  addJsonOption(command, "the records");
  return addHelp(command, {
    examples: ["queueport job reconcile --dry-run", "queueport job reconcile --assume completed"],
    exitCodes: { 0: "the records were closed; there may be none", 1: FAILED },
    hasSignals: true,
  }).action(runReconcile);
}

async function runReconcile(flags: ReconcileFlags): Promise<void> {
  const { assume, dryRun = false, yes = false, json } = flags;
  const mustAsk = assume !== undefined && !dryRun && !yes;
  if (mustAsk) assertTerminal(`assume that jobs are ${assume}`);
  await using opened = await openJobsOf(flags);
  const { jobs, signal } = opened;
  const options = assume === undefined ? {} : { assume };
  let closed = mustAsk || dryRun ? await jobs.reconcile({ ...options, dryRun: true }) : [];
  const isAgreed =
    !mustAsk ||
    (closed.length > 0 && (await isConfirmed(`Close ${jobsCounted(closed.length)} as ${assume}?`, signal)));
  if (!dryRun) closed = isAgreed ? await jobs.reconcile(options) : [];
  if (json) return print(JSON.stringify({ dryRun, jobs: closed.map((job) => recordOf(job)) }));
  if (closed.length > 0) print(jobsTable(closed, new Date()));
  print(`${jobsCounted(closed.length)} ${dryRun ? "would be " : ""}closed`);
}
