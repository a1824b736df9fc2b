import { z } from "zod";
import type { Duration, InMs } from "../src/lib/duration.ts";
import { durationField } from "./config.ts";
import { type RedisAddress, redisAddress, type RedisPlace, redisPlace } from "./redis/config.ts";
import { type StoreConfig, storeSchema } from "./stores.ts";

/**
 * The `jobs` part of a configuration file: jobs that are recorded in a store. A duration as a number is in milliseconds.
 *
 * @example
 * jobs:
 *   store: { sqlite: jobs.db }
 *   queues: { emails: { max_jobs: 5000 } }
 *   worker_pool: { worker_count: 5, max_retries: 3, retry_delay: 5s }
 */
export interface JobsConfig {
  /** Whether jobs are recorded. If false, the section is checked, and has no effect. @default true */
  readonly enabled?: boolean | undefined;
  /** The store that remembers jobs: an SQLite file, a database, or memory. */
  readonly store?: StoreConfig | undefined;
  /** Another name of `store.redis`, which also takes the address as other job systems write it. */
  readonly redis?: string | RedisPlace | RedisAddress | undefined;
  /** Separates deployments that share a store. @default the provider and the place of its queues */
  readonly namespace?: string | undefined;
  /** Whether a process that opens the store creates its schema, or brings it up to date. @default false */
  readonly migrate?: boolean | undefined;
  /** Whether jobs run untracked while the store cannot be reached, or wait for it. @default run */
  readonly when_store_is_down?: "run" | "wait" | undefined;
  /** Whether jobs are tracked whose type says nothing. @default full */
  readonly track?: "full" | "off" | undefined;
  /** The settings of queues, by their logical names. */
  readonly queues?: Readonly<Record<string, JobsQueueConfig>> | undefined;
  /** The settings of job types. A job definition in code takes precedence. */
  readonly types?: Readonly<Record<string, JobTypeConfig>> | undefined;
  /** The settings of a worker process and of its retries. */
  readonly worker_pool?: WorkerPoolConfig | undefined;
  /** The sending of jobs that are due, and the clean-up. */
  readonly scheduler?: SchedulerConfig | undefined;
  /** How long the records of finished jobs are kept. */
  readonly retention?: RetentionConfig | undefined;
  /** The metrics of jobs, which a worker serves with its other metrics. */
  readonly metrics?: JobsMetricsConfig | undefined;
  /** The REST API, as `queueport api` serves it. */
  readonly api?: ApiConfig | undefined;
}

/** The settings of one queue. */
export interface JobsQueueConfig {
  /** The levels of priority of the queue. Only `normal` is supported. @default ["normal"] */
  readonly priority_levels?: readonly "normal"[] | undefined;
  /** Unfinished jobs that the queue may have. A send beyond it is refused as `queue_full`. @default no limit */
  readonly max_jobs?: number | undefined;
}

/** The settings of one job type. */
export interface JobTypeConfig {
  /** The queue of jobs of this type. @default none: a send has to name it */
  readonly queue?: string | undefined;
  /** Time limit of one run. @default that of the worker */
  readonly timeout?: Duration | undefined;
  /** Handlers of this type that run at once. @default that of the worker */
  readonly concurrency?: number | undefined;
  /** Runs after the first one that fails. @default that of worker_pool */
  readonly max_retries?: number | undefined;
  /** Whether jobs of this type are tracked. @default that of jobs */
  readonly track?: "full" | "off" | undefined;
  /** Whether jobs of this type run untracked while the store cannot be reached, or wait. @default that of jobs */
  readonly when_store_is_down?: "run" | "wait" | undefined;
}

/** The settings of a worker process. They are other names of settings of `worker`. */
export interface WorkerPoolConfig {
  /** Handlers that run at once on each queue: `worker.concurrency`. @default 10 */
  readonly worker_count?: number | undefined;
  /** Runs after the first one that fails: one less than the attempts. @default 4 */
  readonly max_retries?: number | undefined;
  /** Upper bound of the wait before the first retry: `worker.backoff.baseMs`. @default 1s */
  readonly retry_delay?: Duration | undefined;
  /** Largest wait before a retry: `worker.backoff.capMs`. @default 5m */
  readonly max_retry_delay?: Duration | undefined;
  /** Growth of the wait by each retry: `worker.backoff.factor`. @default 2 */
  readonly backoff_factor?: number | undefined;
  /** Whether a wait is random, up to its upper bound: `worker.backoff.jitter`. @default true */
  readonly jitter?: boolean | undefined;
  /** Time limit of one run: `worker.timeoutMs`. @default 5m */
  readonly job_timeout?: Duration | undefined;
}

/** The sending of jobs that are due, and the clean-up. */
export interface SchedulerConfig {
  /** Workers send the jobs that are due, so it cannot be false. @default true */
  readonly enabled?: true | undefined;
  /** Time between two prunings. @default 1m */
  readonly cleanup_interval?: Duration | undefined;
}

/** How long the records of finished jobs are kept: at least an hour, so that a late duplicate is found. */
export interface RetentionConfig {
  /** @default 7d */
  readonly completed?: Duration | undefined;
  /** @default 30d */
  readonly failed?: Duration | undefined;
  /** @default 7d */
  readonly cancelled?: Duration | undefined;
  /** Payloads, results and logs of completed jobs. @default 24h */
  readonly data?: Duration | undefined;
  /** Finished jobs that are kept at most. @default 1000000 */
  readonly max_jobs?: number | undefined;
  /**
   * A folder that gets the records before they are deleted: `YYYY-MM-DD.ndjson.gz`. The path is relative to the
   * configuration file, or to the working directory if there is no file. @default none
   */
  readonly archive?: string | undefined;
}

/** The metrics of jobs. */
export interface JobsMetricsConfig {
  /** @default true */
  readonly enabled?: boolean | undefined;
  /** Age up to which a scrape reuses counts of the store and of the provider. @default 10s */
  readonly collection_interval?: Duration | undefined;
}

/** The REST API. */
export interface ApiConfig {
  /** @default 8080 */
  readonly port?: number | undefined;
  /** The address on which it listens. An address beyond this machine needs `token_file`. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /**
   * A file whose first line is the token of requests. The path is relative to the configuration file, or to the working
   * directory if there is no file. @default none
   */
  readonly token_file?: string | undefined;
}

/** A checked {@link JobsConfig}, whose durations are in milliseconds. */
export interface CheckedJobsConfig extends Omit<
  JobsConfig,
  "types" | "worker_pool" | "scheduler" | "retention" | "metrics"
> {
  readonly types?: Readonly<Record<string, InMs<JobTypeConfig>>> | undefined;
  readonly worker_pool?: InMs<WorkerPoolConfig> | undefined;
  readonly scheduler?: InMs<SchedulerConfig> | undefined;
  readonly retention?: InMs<RetentionConfig> | undefined;
  readonly metrics?: InMs<JobsMetricsConfig> | undefined;
}

/** The fields of a schema whose durations become numbers. */
type FieldsInMs<T> = { readonly [K in keyof Required<T>]: z.ZodType<InMs<T>[K]> };

const name = z.string().min(1);
/** A record that is gone cannot refuse a late duplicate. */
const kept = durationField({ least: 3_600_000 });
const count = z.int().min(1).optional();
const track = z.enum(["full", "off"]).optional();
const whenDown = z.enum(["run", "wait"]).optional();
const retries = z.int().min(0).optional();

/** @internal */
export const jobsQueuesSchema: z.ZodType<Readonly<Record<string, JobsQueueConfig>>> = z.record(
  name,
  z.strictObject({
    priority_levels: z.array(z.literal("normal")).min(1).optional(),
    max_jobs: count,
  } satisfies FieldsInMs<JobsQueueConfig>),
);

/** @internal */
export const jobsSchema: z.ZodType<CheckedJobsConfig> = z.strictObject({
  enabled: z.boolean().optional(),
  store: storeSchema.optional(),
  redis: z
    .union([redisPlace, redisAddress], {
      error: "expected the URL of a server, or an object with url, cluster or addr",
    })
    .optional(),
  namespace: name.optional(),
  migrate: z.boolean().optional(),
  when_store_is_down: whenDown,
  track,
  queues: jobsQueuesSchema.optional(),
  types: z
    .record(
      name,
      z.strictObject({
        queue: name.optional(),
        timeout: durationField(),
        concurrency: count,
        max_retries: retries,
        track,
        when_store_is_down: whenDown,
      } satisfies FieldsInMs<JobTypeConfig>),
    )
    .optional(),
  worker_pool: z
    .strictObject({
      worker_count: count,
      max_retries: retries,
      retry_delay: durationField({ least: 0 }),
      max_retry_delay: durationField({ least: 0 }),
      backoff_factor: z.number().min(1).optional(),
      jitter: z.boolean().optional(),
      job_timeout: durationField(),
    } satisfies FieldsInMs<WorkerPoolConfig>)
    .optional(),
  scheduler: z
    .strictObject({
      enabled: z.literal(true).optional(),
      cleanup_interval: durationField(),
    } satisfies FieldsInMs<SchedulerConfig>)
    .optional(),
  retention: z
    .strictObject({
      completed: kept,
      failed: kept,
      cancelled: kept,
      data: durationField({ least: 0 }),
      max_jobs: z.int().min(0).optional(),
      archive: name.optional(),
    } satisfies FieldsInMs<RetentionConfig>)
    .optional(),
  metrics: z
    .strictObject({
      enabled: z.boolean().optional(),
      collection_interval: durationField({ least: 0 }),
    } satisfies FieldsInMs<JobsMetricsConfig>)
    .optional(),
  api: z
    .strictObject({
      port: z.int().min(0).max(65_535).optional(),
      host: name.optional(),
      token_file: name.optional(),
    } satisfies FieldsInMs<ApiConfig>)
    .optional(),
} satisfies { readonly [K in keyof Required<JobsConfig>]: z.ZodType<CheckedJobsConfig[K]> });

/** The settings of a type, with the names that a job definition has for them. */
export function definitionOf(type: string, given: JobTypeConfig): { readonly type: string } {
  const settings = {
    queue: given.queue,
    track: given.track,
    whenStoreIsDown: given.when_store_is_down,
    maxAttempts: given.max_retries === undefined ? undefined : given.max_retries + 1,
  };
  return { type, ...defined(settings) };
}

/** The parts that have a value. */
export function defined<T extends object>(parts: T): Partial<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Partial<T>;
}
