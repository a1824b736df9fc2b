import { type DirectoryOptions, directory } from "../../examples/directory-adapter/index.ts";
import { serviceBus, type ServiceBusOptions } from "../../adapters/service-bus/index.ts";
import { sqs, type SqsOptions } from "../../adapters/sqs/index.ts";
import { type DelayStore, sqliteDelayStore } from "../../src/delay-store/index.ts";
import type { Driver } from "../../src/driver/index.ts";
import type { AdapterConfig } from "./config.ts";

/** Adapters whose messages outlive a worker: opened by name, since a worker is another process. */
const adapters: Readonly<Record<string, (options: unknown) => Driver>> = {
  directory: (options) => directory(options as DirectoryOptions),
  "service-bus": (options) => serviceBus(options as ServiceBusOptions),
  sqs: (options) => sqs(options as SqsOptions),
};

/** The delay store that goes with it. */
export function openDelayStore({ delayStore }: AdapterConfig): DelayStore | undefined {
  return delayStore === undefined ? undefined : sqliteDelayStore({ path: delayStore });
}

export function openAdapter({ name, options }: AdapterConfig): Driver {
  const open = adapters[name];
  if (open === undefined) throw new TypeError(`There is no adapter "${name}" to crash on.`);
  return open(options);
}
