import type { ConfigParts } from "../../adapters/config-file.ts";
import type { CheckedJobsConfig } from "../../adapters/jobs-config.ts";
import { openJobs, type OpenJobsOptions, openQueue, type StoreConfig } from "../../adapters/open.ts";
import { QueueError } from "../../src/errors.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { warn } from "./output.ts";

/** The sentence about queues that no other process can use; undefined for all other queues. */
export function memoryWarning({ provider }: Queue): string | undefined {
  if (provider !== "memory") return undefined;
  return "the memory provider keeps messages in this process only: no other process sees them, and this process sees no message of another one.";
}

/** Opens the queue of a configuration, for a command that reads or changes messages of other processes. */
export async function openConfigured({ queue: config }: ConfigParts): Promise<Queue> {
  const queue = await openQueue(config);
  const warning = memoryWarning(queue);
  if (warning !== undefined) warn(warning);
  return queue;
}

/** The section `jobs` of a configuration that records jobs. */
type EnabledJobs = CheckedJobsConfig & { readonly store: StoreConfig };

/** The section `jobs` of a configuration; undefined if jobs are not recorded. */
export function enabledJobs({ jobs }: ConfigParts): EnabledJobs | undefined {
  return jobs?.store === undefined || jobs.enabled === false ? undefined : (jobs as EnabledJobs);
}

/**
 * The section `jobs` of a configuration.
 * @throws QueueError `config` if jobs are not recorded
 */
export function requireJobs(config: ConfigParts): EnabledJobs {
  const jobs = enabledJobs(config);
  if (jobs !== undefined) return jobs;
  throw new QueueError(
    "config",
    config.jobs === undefined
      ? 'The configuration has no section jobs, so no job is recorded: add one, such as jobs: { store: { sqlite: "jobs.db" } }.'
      : "Jobs are not recorded, since jobs.enabled is false in the configuration.",
  );
}

/**
 * Opens the jobs of a configuration. Closing them closes their queue and their store.
 * @throws QueueError `config` if jobs are not recorded, or the store cannot be used
 */
export function openConfiguredJobs(config: ConfigParts, options: OpenJobsOptions = {}): Promise<Jobs> {
  const jobs = requireJobs(config);
  const { onWarning = (_code, message) => warn(message), ...rest } = options;
  return openJobs(
    { ...config.queue, jobs },
    {
      ...rest,
      // Commands that send or receive say so of every queue in memory; the others read records only.
      onWarning: (code, message) => code !== "queue_not_shared" && onWarning(code, message),
    },
  );
}
