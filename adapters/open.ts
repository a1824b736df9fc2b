import type { z } from "zod";
import type { Clock } from "../src/lib/clock.ts";
import { createQueue, type QueueOptions } from "../src/client/create-queue.ts";
import type { DelayStore } from "../src/delay/store.ts";
import type { Driver } from "../src/driver/contract.ts";
import { QueueError } from "../src/errors.ts";
import type { Queue } from "../src/queue/queue.ts";
import { check, got, listed, suggestion } from "./check.ts";
import { type ConfigOf, type ProviderName, providers, type QueueConfig } from "./registry.ts";

export type { ConfigFile, WorkerConfig } from "./config-file.ts";
export type { MemoryConfig } from "./memory/config.ts";
export type { PubsubConfig } from "./pubsub/config.ts";
export type { QueueConfig } from "./registry.ts";
export type { ServiceBusConfig } from "./service-bus/config.ts";
export type { SqsConfig } from "./sqs/config.ts";

/**
 * Opens the queue that a configuration describes. Only the adapter of its provider is loaded, and no request is made
 * before the queue is first used.
 *
 * @param options settings that only code can give, such as a clock; they take precedence over the configuration
 * @throws QueueError `config` if the configuration is wrong; `missing_dependency` if the provider's SDK is not installed
 *
 * @example
 * import { openQueue } from "queueport/open";
 *
 * const queue = await openQueue({ provider: "memory" });
 * await queue.send("emails", { type: "send_welcome_email", payload: { userId: "u1" } });
 */
export async function openQueue(config: QueueConfig, options: QueueOptions = {}): Promise<Queue> {
  const checked = parseConfig(config);
  const driver = await openDriver(checked.provider, checked, options.clock);
  return createQueue(driver, {
    ...options,
    backoff: { ...checked.backoff, ...options.backoff },
    sendDeadlineMs: options.sendDeadlineMs ?? checked.sendDeadlineMs,
    delayStore: options.delayStore ?? (await openDelayStore(checked)),
  });
}

/** Opens the delay store, if one is configured. The import is dynamic so that nothing else loads Node's SQLite. */
async function openDelayStore({ delayStore }: QueueConfig): Promise<DelayStore | undefined> {
  if (delayStore === undefined) return undefined;
  const { sqliteDelayStore } = await import("../src/delay-store/index.ts");
  return sqliteDelayStore({ path: delayStore.sqlite });
}

/**
 * Checks a configuration without opening it.
 *
 * @param where the name of the configuration in an error, such as its file. @default "queue configuration"
 * @param alsoKnown keys that the caller has read itself; an error suggests them as well
 * @throws QueueError `config`, with the path of every mistake and the value that was expected there
 */
export function parseConfig(
  input: unknown,
  where: string = "queue configuration",
  alsoKnown: readonly string[] = [],
): QueueConfig {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new QueueError(
      "config",
      `${where}: expected an object with a provider, such as { "provider": "memory" }.`,
    );
  }
  const provider: unknown = "provider" in input ? input.provider : undefined;
  const known = Object.keys(providers);
  if (provider === undefined) {
    throw new QueueError("config", `${where}: provider is missing; expected one of ${listed(known)}.`);
  }
  if (typeof provider !== "string" || !Object.hasOwn(providers, provider)) {
    const hint = typeof provider === "string" ? suggestion(provider, known) : `known: ${listed(known)}`;
    const all = hint.startsWith("known") ? "" : ` Known: ${listed(known)}.`;
    throw new QueueError("config", `${where}: provider: unknown provider ${got(provider)}, ${hint}${all}`);
  }
  const schema: z.ZodType<QueueConfig> = providers[provider as ProviderName].schema;
  return check(schema, input, where, alsoKnown);
}

/** Opens the driver. Generic, so that the compiler sees that a provider's row gets that provider's configuration. */
function openDriver<P extends ProviderName>(
  provider: P,
  config: ConfigOf<P>,
  clock: Clock | undefined,
): Promise<Driver> {
  return providers[provider].open(config, clock);
}
