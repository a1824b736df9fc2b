/**
 * The adapter for Redis and Valkey: queues in lists and sorted sets, changed by scripts.
 * @module
 */
export type { InjectedClient } from "./connection/options.ts";
export { redis, type RedisOptions } from "./driver.ts";
export { inspect as inspectRedis } from "./inspect.ts";
export type { WaitOption } from "./replicated-sends.ts";
export { redisJobStore, type RedisJobStoreOptions } from "./job-store/redis-job-store.ts";
