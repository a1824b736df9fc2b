import { Option } from "commander";
import { addHelp } from "../lib/help.ts";
import { addJsonOption, whole } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { addFilterOptions, FAILED, type FilterFlags, filterOf, jobSubcommand, openJobsOf } from "./select.ts";
import { jobsTable, pageJson, pageLine } from "./show-jobs.ts";

interface ListFlags extends FilterFlags {
  readonly limit: number;
  readonly offset?: number;
  readonly cursor?: string;
  readonly oldest?: boolean;
}

/** `queueport job list`: some jobs, one line each. */
export function listCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand("list", "List jobs", "Lists jobs, the newest first.");
  addFilterOptions(command);
  addJsonOption(command, "the page, as the REST API does,")
    .option("-n, --limit <n>", "jobs of one page", whole(1, 200), 50)
    .addOption(
      new Option("--offset <n>", "jobs to skip, such as 50").argParser(whole(0, 10_000)).conflicts("cursor"),
    )
    .option("--cursor <cursor>", "cursor of the page before, to go on after it")
    .option("--oldest", "list the oldest first");
  return addHelp(command, {
    examples: ["queueport job list --status failed --since 2h", "queueport job list --type email --json"],
    exitCodes: { 0: "the jobs were listed", 1: FAILED },
    hasSignals: true,
  }).action(runList);
}

async function runList(flags: ListFlags): Promise<void> {
  await using opened = await openJobsOf(flags);
  const { limit, offset, cursor, oldest = false } = flags;
  const page = await opened.jobs.list({
    ...filterOf(flags),
    limit,
    offset,
    cursor,
    order: oldest ? "oldest" : "newest",
  });
  if (flags.json) return print(pageJson(page));
  if (page.jobs.length > 0) print(jobsTable(page.jobs, new Date()));
  const line = pageLine(page);
  if (line !== undefined) print(line);
}
