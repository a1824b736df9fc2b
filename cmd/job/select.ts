import { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { JobFilter } from "../../src/jobs/read/filter.ts";
import type { JobInclude } from "../../src/jobs/read/get.ts";
import type { Priority } from "../../src/jobs/store/job-row.ts";
import { loadConfig } from "../lib/config-file.ts";
import { openConfiguredJobs } from "../lib/open.ts";
import { addConfigOptions, type ConfigFlags, type JsonFlags, names } from "../lib/options.ts";
import { onSignals } from "../lib/signals.ts";
import { since } from "../lib/since.ts";

/** The flags that select jobs. They are the same in every command of `job` that reads several. */
export interface FilterFlags extends ConfigFlags, JsonFlags {
  readonly status?: readonly string[];
  readonly type?: readonly string[];
  readonly queue?: readonly string[];
  readonly priority?: readonly string[];
  readonly tenant?: string;
  readonly tag?: string;
  readonly worker?: string;
  readonly error?: string;
  readonly since?: Date;
  readonly before?: Date;
  readonly stalled?: boolean;
  readonly search?: string;
}

/** Meaning of exit code 1 in every command of `job`. */
export const FAILED =
  "there is no such job, it is in another state, the store failed, or a signal ended the command early";

/** Starts a command of `job`. */
export function jobSubcommand(name: string, summary: string, description: string): Command {
  return new Command(name).summary(summary).description(description);
}

/** Adds the argument `<id>`. */
export function addIdArgument(command: Command): Command {
  return command.argument("<id>", "id of the job, from job list");
}

/** Adds the flags of {@link FilterFlags} and those of the configuration. */
export function addFilterOptions(command: Command): Command {
  command
    .optionsGroup("Filters (a job has to match all of them):")
    .option("-s, --status <status>", "state, such as failed or processing; repeatable, or a list", names)
    .option("-t, --type <type>", "job type, such as send_welcome_email; repeatable, or a list", names)
    .option("-q, --queue <name>", "queue; repeatable, or a list", names)
    .option("--priority <level>", "priority, such as high; repeatable, or a list", names)
    .option("--tenant <tenant>", "tenant for whom the job runs")
    .option("--tag <tag>", "tag of the job")
    .option("--worker <id>", "worker of the last run")
    .option("--error <code>", "code or fingerprint of the last error")
    .option(
      "--since <when>",
      "created since then: a duration such as 2h, or a time such as 2026-01-31T12:00Z (UTC without a zone)",
      since,
    )
    .option("--before <when>", "created before then, in the same form", since)
    .option("--stalled", "jobs of which no run is known to go on")
    .option("--search <text>", "text in the payload, as JSON");
  return addConfigOptions(command);
}

/** The filter that the flags of {@link addFilterOptions} describe. The jobs check its values. */
export function filterOf(flags: FilterFlags): JobFilter {
  return {
    status: flags.status as JobFilter["status"],
    type: flags.type,
    queue: flags.queue,
    priority: flags.priority as readonly Priority[] | undefined,
    tenant: flags.tenant,
    tag: flags.tag,
    workerId: flags.worker,
    error: flags.error,
    createdFrom: flags.since,
    createdBefore: flags.before,
    stalled: flags.stalled === true ? true : undefined,
    search: flags.search,
  };
}

/** Whether no flag of {@link addFilterOptions} is given. */
export function selectsAll(flags: FilterFlags): boolean {
  return Object.values(filterOf(flags)).every((value) => value === undefined);
}

/** The jobs of a configuration, with their connections. Disposing closes them. */
export interface OpenedJobs extends AsyncDisposable {
  readonly jobs: Jobs;
  /** Aborts on the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
}

/**
 * Opens the jobs of a configuration for a command that reads or changes them.
 * @throws QueueError `config` if the configuration is invalid or has no jobs
 */
export async function openJobsOf(flags: ConfigFlags): Promise<OpenedJobs> {
  const jobs = await openConfiguredJobs(await loadConfig(flags));
  const interrupt = onSignals();
  return {
    jobs,
    signal: interrupt.signal,
    async [Symbol.asyncDispose]() {
      interrupt[Symbol.dispose]();
      await jobs.close();
    },
  };
}

/**
 * The record of a job.
 * @throws QueueError `not_found` if there is none
 */
export async function getJob(
  jobs: Jobs,
  id: string,
  include: readonly JobInclude[] = [],
): Promise<JobSnapshot> {
  const job = await jobs.get(id, include);
  if (job !== undefined) return job;
  throw new QueueError(
    "not_found",
    `There is no record of a job with the id ${id}: it is unknown or untracked, or its record was pruned.`,
  );
}
