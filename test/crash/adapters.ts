import { type DirectoryOptions, directory } from "../../examples/directory-adapter/index.ts";
import { serviceBus, type ServiceBusOptions } from "../../adapters/service-bus/index.ts";
import { sqs, type SqsOptions } from "../../adapters/sqs/index.ts";
import { type DelayStore, sqliteDelayStore } from "../../src/delay-store/index.ts";
import type { Driver } from "../../src/driver/index.ts";
import type { AdapterConfig } from "./config.ts";

/** Adapters whose messages outlive a worker process. A worker process opens its adapter by name. */
const adapters: Readonly<Record<string, (options: unknown) => Driver>> = {
  directory: (options) => directory(options as DirectoryOptions),
  "service-bus": (options) => serviceBus(options as ServiceBusOptions),
  sqs: (options) => sqs(options as SqsOptions),
};

/** The delay store that the configuration names, if it names one. */
export function openDelayStore({ delayStore }: AdapterConfig): DelayStore | undefined {
  return delayStore === undefined ? undefined : sqliteDelayStore({ path: delayStore });
}

/** @throws TypeError if there is no adapter of this name */
export function openAdapter({ name, options }: AdapterConfig): Driver {
  const open = adapters[name];
  if (open === undefined) throw new TypeError(`There is no adapter "${name}" to crash on.`);
  return open(options);
}
