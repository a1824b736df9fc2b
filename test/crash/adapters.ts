import type { DirectoryOptions } from "../../examples/directory-adapter/index.ts";
import type { PostgresOptions } from "../../adapters/postgres/index.ts";
import type { RedisOptions } from "../../adapters/redis/index.ts";
import type { ServiceBusOptions } from "../../adapters/service-bus/index.ts";
import type { SqliteOptions } from "../../adapters/sqlite/index.ts";
import type { SqsOptions } from "../../adapters/sqs/index.ts";
import { type DelayStore, sqliteDelayStore } from "../../src/delay-store/index.ts";
import type { Driver } from "../../src/driver/index.ts";
import type { AdapterConfig } from "./config.ts";

/**
 * Adapters whose messages outlive a worker process. A worker process opens its adapter by name, and loads no other: the SDKs
 * take most of its start.
 */
const adapters: Readonly<Record<string, (options: unknown) => Promise<Driver>>> = {
  async directory(options) {
    const { directory } = await import("../../examples/directory-adapter/index.ts");
    return directory(options as DirectoryOptions);
  },
  async postgres(options) {
    const { postgres } = await import("../../adapters/postgres/index.ts");
    return postgres(options as PostgresOptions);
  },
  async redis(options) {
    const { redis } = await import("../../adapters/redis/index.ts");
    return redis(options as RedisOptions);
  },
  async "service-bus"(options) {
    const { serviceBus } = await import("../../adapters/service-bus/index.ts");
    return serviceBus(options as ServiceBusOptions);
  },
  async sqlite(options) {
    const { sqlite } = await import("../../adapters/sqlite/index.ts");
    return sqlite(options as SqliteOptions);
  },
  async sqs(options) {
    const { sqs } = await import("../../adapters/sqs/index.ts");
    return sqs(options as SqsOptions);
  },
};

/** The delay store that the configuration names, if it names one. */
export function openDelayStore({ delayStore }: AdapterConfig): DelayStore | undefined {
  return delayStore === undefined ? undefined : sqliteDelayStore({ path: delayStore });
}

/** @throws TypeError if there is no adapter of this name */
export async function openAdapter({ name, options }: AdapterConfig): Promise<Driver> {
  const open = adapters[name];
  if (open === undefined) throw new TypeError(`There is no adapter "${name}" to crash on.`);
  return open(options);
}
