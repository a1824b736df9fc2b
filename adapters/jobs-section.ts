import { z } from "zod";
import { QueueError } from "../src/errors.ts";
import { check } from "./check.ts";
import type { BackoffOptions } from "../src/backoff.ts";
import { type CheckedJobsConfig, defined, jobsQueuesSchema, jobsSchema } from "./jobs-config.ts";
import { urlOf } from "./redis/config.ts";
import { storeExamples } from "./stores.ts";

type Parts = Readonly<Record<string, unknown>>;

/** The parts of a configuration that concern jobs, as they were given. */
interface GivenJobs {
  /** The section `jobs`; undefined if there is none. */
  readonly section: unknown;
  /** The settings of jobs in `queues` of the top level. */
  readonly queues: Parts;
}

/**
 * Takes what concerns jobs out of a configuration. An object in `queues` of the top level is read as `jobs.queues`, unless
 * it is a name of the provider: only Pub/Sub has names that are objects.
 */
export function takeJobs({ jobs: section, ...rest }: Parts): {
  readonly rest: Parts;
  readonly given: GivenJobs;
} {
  const { queues: all, ...others } = rest;
  if (!isObject(all)) return { rest, given: { section, queues: {} } };
  const isOfJobs = ([, value]: [string, unknown]): boolean =>
    isObject(value) && (rest["provider"] !== "pubsub" || "max_jobs" in value || "priority_levels" in value);
  const [ofJobs, names] = [
    Object.entries(all).filter(isOfJobs),
    Object.entries(all).filter((one) => !isOfJobs(one)),
  ];
  const queues = Object.fromEntries(ofJobs);
  if (ofJobs.length === 0) return { rest, given: { section, queues } };
  return {
    rest: names.length === 0 ? others : { ...others, queues: Object.fromEntries(names) },
    given: { section, queues },
  };
}

/**
 * Checks what concerns jobs. Undefined if there is nothing.
 * @throws QueueError `config`; `not_supported` for settings of a later version
 */
export function checkJobs({ section, queues }: GivenJobs, where: string): CheckedJobsConfig | undefined {
  const named = Object.keys(queues);
  if (section === undefined) {
    if (named.length === 0) return undefined;
    throw new QueueError(
      "config",
      `${where}: queues.${named[0]}: settings of jobs need the section jobs, such as jobs: { store: { sqlite: "jobs.db" } }. The physical name of a queue is a text.`,
    );
  }
  refuseLater({ section, queues }, where);
  const { jobs: given } = check(z.strictObject({ jobs: jobsSchema }), { jobs: section }, where);
  const jobs = withStore(given, where);
  const top = check(z.strictObject({ queues: jobsQueuesSchema }), { queues }, where);
  const twice = named.find((name) => jobs.queues !== undefined && Object.hasOwn(jobs.queues, name));
  if (twice !== undefined) {
    throw new QueueError(
      "config",
      `${where}: queues.${twice} and jobs.queues.${twice} are the same; keep one of them.`,
    );
  }
  if (jobs.enabled !== false && jobs.store === undefined) {
    throw new QueueError(
      "config",
      `${where}: jobs.store is missing; expected ${storeExamples}, or jobs.enabled: false.`,
    );
  }
  return named.length === 0 ? jobs : { ...jobs, queues: { ...jobs.queues, ...top.queues } };
}

/** Reads `jobs.redis`, as other systems name their server, as `jobs.store.redis`. */
function withStore({ redis, ...jobs }: CheckedJobsConfig, where: string): CheckedJobsConfig {
  if (redis === undefined) return jobs;
  if (jobs.store !== undefined)
    throw new QueueError(
      "config",
      `${where}: jobs.redis and jobs.store both name a store; keep one of them.`,
    );
  const isAddress = typeof redis === "object" && "addr" in redis;
  return { ...jobs, store: { redis: isAddress ? urlOf(redis) : redis } };
}

/** Refuses what a configuration may say in a later version, all at once, and says what to use until then. */
function refuseLater({ section, queues }: GivenJobs, where: string): void {
  if (!isObject(section)) return;
  const faults: string[] = [];
  const levels = [...levelsIn(queues, "queues"), ...levelsIn(section["queues"], "jobs.queues")];
  for (const key of levels) {
    faults.push(
      `${key}: levels of priority are not supported yet; leave the key out, or give ["normal"]. The priority of a job is recorded, and jobs run in the order of their arrival`,
    );
  }
  if ("schedules" in section) {
    faults.push(
      "jobs.schedules: recurring jobs are not supported yet; let a scheduler send the job, with an idempotency key for each occurrence",
    );
  }
  const { scheduler } = section;
  if (isObject(scheduler) && scheduler["enabled"] === false) {
    faults.push(
      "jobs.scheduler.enabled: false is not supported, since every worker sends the jobs that are due; leave the key out",
    );
  }
  if (faults.length === 0) return;
  throw new QueueError("not_supported", `${where}: ${faults.join("; ")}.`);
}

/** The keys of `priority_levels` that are lists of levels, other than `["normal"]`. */
function levelsIn(queues: unknown, path: string): string[] {
  if (!isObject(queues)) return [];
  return Object.entries(queues).flatMap(([name, settings]) => {
    const levels = isObject(settings) ? settings["priority_levels"] : undefined;
    if (!Array.isArray(levels) || levels.every((level) => level === "normal")) return [];
    return [`${path}.${name}.priority_levels`];
  });
}

/** The settings of `worker_pool`, with the names that `worker` has for them. */
const SAME = {
  worker_count: "concurrency",
  job_timeout: "timeoutMs",
  retry_delay: "backoff.baseMs",
  max_retry_delay: "backoff.capMs",
  backoff_factor: "backoff.factor",
  jitter: "backoff.jitter",
} as const;

/** The settings of a worker that have a name in `worker_pool`. */
interface PoolSettings {
  readonly concurrency?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
}

/**
 * The settings of a worker, with those of `jobs.worker_pool`.
 * @throws QueueError `config` if both have the same setting
 */
export function withPool<Worker extends PoolSettings>(
  worker: Worker,
  jobs: CheckedJobsConfig | undefined,
  where: string,
): Worker {
  if (jobs?.worker_pool === undefined || jobs.enabled === false) return worker;
  const pool = jobs.worker_pool;
  const { backoff = {} } = worker;
  const given: Parts = {
    ...worker,
    ...Object.fromEntries(Object.entries(backoff).map(([part, value]) => [`backoff.${part}`, value])),
  };
  const twice = (Object.entries(SAME) as [keyof typeof SAME, string][])
    .filter(([name, same]) => pool[name] !== undefined && given[same] !== undefined)
    .map(([name, same]) => `jobs.worker_pool.${name} and worker.${same}`);
  if (twice.length > 0) {
    throw new QueueError("config", `${where}: ${twice.join(", ")}: the same setting; keep one of them.`);
  }
  const retries = defined({
    ...backoff,
    ...defined({
      baseMs: pool.retry_delay,
      capMs: pool.max_retry_delay,
      factor: pool.backoff_factor,
      jitter: pool.jitter,
    }),
  });
  return {
    ...worker,
    ...defined({ concurrency: pool.worker_count, timeoutMs: pool.job_timeout }),
    ...(Object.keys(retries).length > 0 && { backoff: retries }),
  };
}

function isObject(value: unknown): value is Parts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
