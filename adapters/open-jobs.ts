import type { QueueOptions } from "../src/client/create-queue.ts";
import { checkKeys, type KnownKeys, QueueError } from "../src/errors.ts";
import type { JobsOptions } from "../src/jobs/jobs-options.ts";
import type { JobsWorker, JobsWorkerOptions } from "../src/jobs/jobs-worker.ts";
import type { Jobs } from "../src/jobs/jobs.ts";
import type { JobStore } from "../src/jobs/store/job-store.ts";
import type { InMs } from "../src/lib/duration.ts";
import type { Queue } from "../src/queue/queue.ts";
import { type ConfigFile, splitConfig, type WorkerConfig } from "./config-file.ts";
import { type CheckedJobsConfig, defined, definitionOf } from "./jobs-config.ts";
import { openQueue } from "./open-queue.ts";
import { openStore } from "./stores.ts";

/** The options of {@link openJobs}: those of `createJobs`, all of which the configuration can give as well, and those of the queue. */
export interface OpenJobsOptions extends Partial<JobsOptions> {
  /** The options of `openQueue`. @default none */
  readonly queue?: QueueOptions | undefined;
}

const optionKeys: KnownKeys<OpenJobsOptions> = {
  store: true,
  definitions: true,
  queueOf: true,
  maxAttempts: true,
  namespace: true,
  whenStoreIsDown: true,
  track: true,
  maxJobs: true,
  retention: true,
  archive: true,
  migrate: true,
  onWarning: true,
  queue: true,
};

/**
 * Opens the queue and the job store that a configuration describes, with its section `jobs`. Closing the jobs closes both.
 * Their workers have the settings of its sections `worker` and `jobs.worker_pool`.
 * Only the adapters in use are loaded.
 *
 * @param config the configuration; a whole configuration file, with its `worker` part, is accepted too
 * @param options settings in code, such as job definitions; they take precedence over the configuration
 * @throws QueueError `config` if the configuration is wrong, has no jobs, or the store cannot be used;
 * `store_unavailable` if the store cannot be reached
 *
 * @example
 * import { openJobs } from "queueport/open";
 *
 * const jobs = await openJobs({ provider: "memory", jobs: { store: { memory: true } } });
 * const job = await jobs.send({ type: "send_welcome_email", payload: { userId: "u1" } }, { queue: "emails" });
 * await jobs.close();
 */
export async function openJobs(config: ConfigFile, options: OpenJobsOptions = {}): Promise<Jobs> {
  checkKeys("openJobs", options, optionKeys);
  const { queue: queueOptions, ...given } = options;
  const { queue: queueConfig, worker, jobs: section } = splitConfig(config, "configuration");
  if (section?.enabled === false) {
    throw new QueueError(
      "config",
      "openJobs: the jobs of the configuration are not enabled: jobs.enabled is false.",
    );
  }
  if (section === undefined && given.store === undefined) {
    throw new QueueError(
      "config",
      'openJobs: the configuration has no section jobs; add one, such as jobs: { store: { sqlite: "jobs.db" } }.',
    );
  }
  const queue = await openQueue(queueConfig, queueOptions);
  let store: JobStore | undefined;
  try {
    const settings = section === undefined ? {} : await jobsOptions(section);
    store = given.store ?? (await openStore(section?.store as never, queueOptions?.clock));
    const { createJobs } = await import("../src/jobs/index.ts");
    const definitions = merged(given.definitions, settings.definitions);
    const jobs = await createJobs(queue, { ...settings, ...defined(given), definitions, store });
    return closing(withWorkerOptions(jobs, worker), queue, store);
  } catch (error) {
    // Nobody else can close what was opened here. A failure to close would hide why the jobs were not opened.
    if (store !== given.store) await store?.close().catch(() => undefined);
    await queue.close().catch(() => undefined);
    throw error;
  }
}

/** The options of `createJobs` that a configuration describes. */
async function jobsOptions(section: CheckedJobsConfig): Promise<Partial<JobsOptions>> {
  const { types = {}, worker_pool, retention, scheduler, queues = {} } = section;
  const maxJobs = Object.entries(queues).flatMap(([name, { max_jobs }]) =>
    max_jobs === undefined ? [] : [[name, max_jobs] as const],
  );
  const { archive, max_jobs: most, ...kept } = retention ?? {};
  return defined({
    definitions: Object.entries(types).map(([type, settings]) => definitionOf(type, settings)),
    maxAttempts: worker_pool?.max_retries === undefined ? undefined : worker_pool.max_retries + 1,
    namespace: section.namespace,
    whenStoreIsDown: section.when_store_is_down,
    track: section.track,
    maxJobs: maxJobs.length === 0 ? undefined : Object.fromEntries(maxJobs),
    retention: defined({ ...kept, maxJobs: most, every: scheduler?.cleanup_interval }),
    archive: archive === undefined ? undefined : (await import("../src/jobs/index.ts")).ndjsonGz(archive),
    migrate: section.migrate,
  });
}

type Definition = NonNullable<JobsOptions["definitions"]>[number];

/** Job definitions of code, completed by those of the configuration, and those that only the configuration has. */
function merged(inCode: readonly Definition[] = [], inFile: readonly Definition[] = []): Definition[] {
  const byType = new Map(inFile.map((one) => [one.type, one]));
  const completed = inCode.map((one) => ({ ...byType.get(one.type), ...defined(one) }) as Definition);
  const known = new Set(inCode.map(({ type }) => type));
  return [...completed, ...inFile.filter(({ type }) => !known.has(type))];
}

/** The settings of `worker` that are those of a process, and not of a worker in it. */
const OF_PROCESS: ReadonlySet<string> = new Set<Exclude<keyof WorkerConfig, keyof JobsWorkerOptions>>([
  "queues",
  "ordered",
  "handlers",
  "metricsPort",
  "host",
  "logLevel",
  "pretty",
]);

/** Jobs whose workers have the settings of the configuration, unless `worker()` is given others. */
function withWorkerOptions(jobs: Jobs, config: InMs<WorkerConfig>): Jobs {
  const create = jobs.worker.bind(jobs);
  const settings: JobsWorkerOptions = Object.fromEntries(
    Object.entries(config).filter(([name]) => !OF_PROCESS.has(name)),
  );
  const worker = (options: JobsWorkerOptions = {}): JobsWorker =>
    create({ ...settings, ...defined(options) });
  return Object.assign(jobs, { worker });
}

/** Jobs that close the queue and the store with them. */
function closing(jobs: Jobs, queue: Queue, store: JobStore): Jobs {
  const close = jobs.close.bind(jobs);
  const all = async (): Promise<void> => {
    try {
      await close();
    } finally {
      await Promise.allSettled([queue.close()]);
      await store.close();
    }
  };
  return Object.assign(jobs, { close: all, [Symbol.asyncDispose]: all });
}
