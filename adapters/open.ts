/**
 * Opens queues and jobs by their configuration.
 *
 * @module
 */
export type { ConfigFile, DriverConfig, WorkerConfig } from "./config-file.ts";
export type {
  ApiConfig,
  JobsConfig,
  JobsMetricsConfig,
  JobsQueueConfig,
  JobTypeConfig,
  RetentionConfig,
  SchedulerConfig,
  WorkerPoolConfig,
} from "./jobs-config.ts";
export type { MemoryConfig } from "./memory/config.ts";
export { openJobs, type OpenJobsOptions } from "./open-jobs.ts";
export { openQueue, parseConfig } from "./open-queue.ts";
export type { PostgresConfig } from "./postgres/config.ts";
export type { PubsubConfig } from "./pubsub/config.ts";
export type { QueueConfig } from "./registry.ts";
export type { ServiceBusConfig } from "./service-bus/config.ts";
export type { SqliteConfig } from "./sqlite/config.ts";
export type { SqsConfig } from "./sqs/config.ts";
export type {
  MemoryStoreConfig,
  PostgresStoreConfig,
  RedisStoreConfig,
  SqliteStoreConfig,
  StoreConfig,
} from "./stores.ts";
