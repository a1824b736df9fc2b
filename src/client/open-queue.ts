import type { QueueConfig } from "../../adapters/open.ts";
import type { QueueOptions } from "./create-queue.ts";
import type { Queue } from "../queue/queue.ts";

export type {
  MemoryConfig,
  PubsubConfig,
  QueueConfig,
  ServiceBusConfig,
  SqsConfig,
} from "../../adapters/open.ts";

/**
 * Opens the queue that a configuration describes. Loads the adapter of its provider, and no other, on the first call.
 * Sends nothing before the queue is used. `options` are values that a configuration cannot hold, such as a clock; they
 * take precedence over the configuration.
 *
 * @example
 * import { openQueue } from "queueport";
 *
 * const queue = await openQueue({ provider: "memory" });
 * await queue.send("emails", { type: "send_welcome_email", payload: { userId: "u1" } });
 * @throws QueueError `config` if the configuration is wrong, with the path of each fault; `missing_dependency` if the
 *   SDK of the provider is not installed
 */
export async function openQueue(config: QueueConfig, options?: QueueOptions): Promise<Queue> {
  // The one import of the core that leads outside of it. Dynamic, so that the root loads neither adapters nor checks.
  const open = await import("../../adapters/open.ts");
  return open.openQueue(config, options);
}
