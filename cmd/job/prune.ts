import { resolve } from "node:path";
import type { ConfigParts } from "../../adapters/config-file.ts";
import { QueueError } from "../../src/errors.ts";
import { assertTerminal, isConfirmed } from "../lib/confirm.ts";
import { loadConfig } from "../lib/config-file.ts";
import { addHelp } from "../lib/help.ts";
import { openConfiguredJobs, requireJobs } from "../lib/open.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { onSignals } from "../lib/signals.ts";
import { FAILED, jobSubcommand } from "./select.ts";
import { jobsCounted } from "./show-jobs.ts";

interface PruneFlags extends ConfigFlags, JsonFlags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `queueport job prune`: deletes the records that the retention does not keep. */
export function pruneCommand(): ReturnType<typeof jobSubcommand> {
  return withOptions(
    jobSubcommand(
      "prune",
      "Delete the records that the retention does not keep",
      "Deletes the records of finished jobs that jobs.retention does not keep, after jobs.retention.archive has them. Workers do so every minute. Unfinished jobs are never deleted.",
    ),
    "deleted",
  ).action((flags: PruneFlags) => prune(undefined, flags));
}

/** `queueport job archive`: the same, with an archive in any case. */
export function archiveCommand(): ReturnType<typeof jobSubcommand> {
  return withOptions(
    jobSubcommand(
      "archive",
      "Write the records that the retention does not keep to files, and delete them",
      "Writes the records of finished jobs that jobs.retention does not keep to files, and deletes them then: one file a day, YYYY-MM-DD.ndjson.gz, with one record per line. A record may be there twice after a crash.",
    ).argument("[folder]", "folder of the files (default: jobs.retention.archive in the configuration)"),
    "archived",
  ).action((folder: string | undefined, flags: PruneFlags) => archive(folder, flags));
}

function withOptions(
  command: ReturnType<typeof jobSubcommand>,
  done: string,
): ReturnType<typeof jobSubcommand> {
  command
    .optionsGroup("Mode:")
    .option("--dry-run", `print how many jobs would be ${done}, and change nothing`)
    .option("-y, --yes", "do it without asking; required if there is no terminal");
  addConfigOptions(command);
  addJsonOption(command, "the number of jobs");
  return addHelp(command, {
    examples: [`queueport job ${command.name()} --dry-run`],
    exitCodes: { 0: `the jobs were ${done}, or you answered no`, 1: FAILED },
    hasSignals: true,
  });
}

async function archive(folder: string | undefined, flags: PruneFlags): Promise<void> {
  if (folder !== undefined) return prune(resolve(folder), flags);
  const { jobs } = await loadConfig(flags);
  if (jobs?.retention?.archive !== undefined) return prune(undefined, flags, "archived");
  throw new QueueError(
    "config",
    "No folder is named: pass one, or set jobs.retention.archive in the configuration.",
  );
}

async function prune(
  folder: string | undefined,
  flags: PruneFlags,
  done: string = folder === undefined ? "deleted" : "archived and deleted",
): Promise<void> {
  const { json, dryRun = false, yes = false } = flags;
  if (!yes && !dryRun) assertTerminal("delete records");
  await using jobs = await openConfiguredJobs(archivingTo(folder, await loadConfig(flags)));
  using interrupt = onSignals();
  let count = 0;
  if (dryRun) count = await jobs.prune({ dryRun });
  else if (yes || (await isPruneConfirmed(await jobs.prune({ dryRun: true }), done, interrupt.signal)))
    count = await jobs.prune();
  print(
    json ? JSON.stringify({ count, dryRun }) : `${jobsCounted(count)} ${dryRun ? "would be " : ""}${done}`,
  );
}

/** A configuration with another archive. */
function archivingTo(folder: string | undefined, config: ConfigParts): ConfigParts {
  if (folder === undefined) return config;
  const { retention } = requireJobs(config);
  return { ...config, jobs: { ...config.jobs, retention: { ...retention, archive: folder } } };
}

async function isPruneConfirmed(count: number, done: string, signal: AbortSignal): Promise<boolean> {
  const verb = done === "deleted" ? "Delete" : "Archive and delete";
  return count > 0 && isConfirmed(`${verb} the records of ${jobsCounted(count)}?`, signal);
}
