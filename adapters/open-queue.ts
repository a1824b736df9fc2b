import type { Clock } from "../src/lib/clock.ts";
import { createQueue, queueOptionKeys, type QueueOptions } from "../src/client/create-queue.ts";
import type { DelayStore } from "../src/delay/store.ts";
import type { Driver } from "../src/driver/contract.ts";
import { checkKeys, describeError, isQueueError, QueueError } from "../src/errors.ts";
import type { Decoders } from "../src/message/format.ts";
import type { Queue } from "../src/queue/queue.ts";
import { show } from "../src/lib/text.ts";
import { type ConfigFile, type DriverConfig, isDriver, splitConfig } from "./config-file.ts";
import { type ConfigOf, type ProviderName, providers, type QueueConfig } from "./registry.ts";

/**
 * Opens the queue that a configuration describes. Only the adapter of its provider is loaded, and no request is made
 * before the queue is first used.
 *
 * @param config the configuration; a whole configuration file, with its `worker` part, is accepted too
 * @param options settings that only code can give, such as a clock; they take precedence over the configuration
 * @throws QueueError `config` if the configuration is wrong; `missing_dependency` if the provider's SDK is not installed
 *
 * @example
 * import { openQueue } from "queueport/open";
 *
 * const queue = await openQueue({ provider: "memory" });
 * await queue.send("emails", { type: "send_welcome_email", payload: { userId: "u1" } });
 */
export async function openQueue(config: ConfigFile, options: QueueOptions = {}): Promise<Queue> {
  checkKeys("openQueue", options, queueOptionKeys);
  const checked = parseConfig(config);
  const driver =
    checked.provider === undefined
      ? await ownDriver(checked)
      : await openDriver(checked.provider, checked, options.clock);
  let delayStore = options.delayStore;
  try {
    const decode = options.decode ?? (await loadDecoders(checked));
    delayStore ??= await openDelayStore(checked);
    return createQueue(driver, {
      ...options,
      backoff: { ...checked.backoff, ...options.backoff },
      sendDeadlineMs: options.sendDeadlineMs ?? checked.sendDeadlineMs,
      delayStore,
      decode,
    });
  } catch (error) {
    // Nobody else can close what was opened here. A failure to close would hide why the queue was not opened.
    const isGiven = checked.provider === undefined && driver === checked.driver;
    if (!isGiven) await driver.close().catch(() => undefined);
    if (delayStore !== options.delayStore) await delayStore?.close().catch(() => undefined);
    throw error;
  }
}

/** Loads the decoders that a configuration names. The import is dynamic so that other applications do not load them. */
async function loadDecoders({ decode }: QueueConfig | DriverConfig): Promise<Decoders | undefined> {
  if (decode === undefined) return undefined;
  const { decodersByName } = await import("../src/interop/by-name.ts");
  return decodersByName(decode);
}

/**
 * Checks a configuration without opening it. The `worker` part of a configuration file is checked, and not returned.
 *
 * @param where the name of the configuration in an error, such as its file. @default "queue configuration"
 * @throws QueueError `config`, with the path of every mistake and the value that was expected there
 */
export function parseConfig(
  input: unknown,
  where: string = "queue configuration",
): QueueConfig | DriverConfig {
  return splitConfig(input, where).queue;
}

/** Opens the delay store, if one is configured. The import is dynamic so that nothing else loads Node's SQLite. */
async function openDelayStore({ delayStore }: QueueConfig | DriverConfig): Promise<DelayStore | undefined> {
  if (delayStore === undefined) return undefined;
  const { sqliteDelayStore } = await import("../src/delay-store/index.ts");
  return sqliteDelayStore({ path: delayStore.sqlite });
}

/** The driver of a configuration that gives its own. */
async function ownDriver({ driver }: DriverConfig): Promise<Driver> {
  const created = typeof driver === "function" ? await createdBy(driver) : driver;
  if (isDriver(created)) return created;
  throw new QueueError(
    "config",
    `queue configuration: driver: expected a function that returns a driver; it returned ${show(created)}.`,
  );
}

/** Calls the function that creates a driver. Its error alone would not say where it comes from. */
async function createdBy(create: () => Driver | Promise<Driver>): Promise<Driver> {
  try {
    return await create();
  } catch (cause) {
    if (isQueueError(cause)) throw cause;
    throw new QueueError(
      "config",
      `queue configuration: driver: its function failed: ${describeError(cause)}`,
      { cause },
    );
  }
}

/** Opens the driver. Generic, so that the compiler sees that a provider's row gets that provider's configuration. */
function openDriver<P extends ProviderName>(
  provider: P,
  config: ConfigOf<P>,
  clock: Clock | undefined,
): Promise<Driver> {
  return providers[provider].open(config, clock);
}
