import type { ConfigFile } from "../../adapters/open.ts";
import type { QueueOptions } from "./create-queue.ts";
import type { Queue } from "../queue/queue.ts";

export type {
  ConfigFile,
  DriverConfig,
  MemoryConfig,
  PubsubConfig,
  QueueConfig,
  ServiceBusConfig,
  SqsConfig,
} from "../../adapters/open.ts";

/**
 * Opens the queue connection that a configuration describes. Loads the adapter of the provider, and no other. Makes no
 * request. `options` are values that a configuration cannot hold, such as a clock; they override the configuration.
 *
 * @throws QueueError `config` when the configuration is wrong; the message has the path of each fault
 * @throws QueueError `missing_dependency` when the SDK of the provider is not installed
 *
 * @example
 * import { openQueue } from "queueport";
 *
 * const queue = await openQueue({ provider: "memory" });
 * await queue.send("emails", { type: "send_welcome_email", payload: { userId: "u1" } });
 */
export async function openQueue(config: ConfigFile, options?: QueueOptions): Promise<Queue> {
  // The only import of `src/` from outside. It is dynamic, so that the root loads neither adapters nor checks.
  const open = await import("../../adapters/open.ts");
  return open.openQueue(config, options);
}
