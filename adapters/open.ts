import type { z } from "zod";
import type { Clock } from "../src/lib/clock.ts";
import { createQueue, type QueueOptions } from "../src/client/create-queue.ts";
import type { DelayStore } from "../src/delay/store.ts";
import type { Driver } from "../src/driver/contract.ts";
import { QueueError } from "../src/errors.ts";
import type { Queue } from "../src/queue/queue.ts";
import { show } from "../src/lib/text.ts";
import { check, listed, suggestion } from "./check.ts";
import { memorySchema, pubsubSchema, type QueueConfig, serviceBusSchema, sqsSchema } from "./config.ts";
import { load } from "./load.ts";

export type { ConfigFile, WorkerConfig } from "./config-file.ts";
export type { MemoryConfig, PubsubConfig, QueueConfig, ServiceBusConfig, SqsConfig } from "./config.ts";

type Provider = QueueConfig["provider"];
type ConfigOf<P extends Provider> = Extract<QueueConfig, { provider: P }>;

/** How one provider's configuration becomes its driver. */
interface Entry<P extends Provider> {
  readonly schema: z.ZodType<ConfigOf<P>>;
  /** Loads the adapter on first use: an application loads, and installs, the SDK that it uses and no other. */
  readonly open: (config: ConfigOf<P>, clock: Clock | undefined) => Promise<Driver>;
}

const providers: { readonly [P in Provider]: Entry<P> } = {
  memory: {
    schema: memorySchema,
    open: async ({ capacity, strict, emulate, queues }, clock) => {
      const { memory } = await load("memory", [], () => import("./memory/index.ts"));
      return memory({ capacity, strict, emulate, queues, clock });
    },
  },
  sqs: {
    schema: sqsSchema,
    open: async (config, clock) => {
      const { sqs } = await load("sqs", ["@aws-sdk/client-sqs"], () => import("./sqs/index.ts"));
      return sqs({ ...config, credentials: config.credentials as never, clock });
    },
  },
  pubsub: {
    schema: pubsubSchema,
    open: async (config, clock) => {
      // 6.3.2 depends on a version of its own API package that was never published.
      const { pubsub } = await load(
        "pubsub",
        ["@google-cloud/pubsub@6.3.0"],
        () => import("./pubsub/index.ts"),
      );
      return pubsub({ ...config, clock });
    },
  },
  "service-bus": {
    schema: serviceBusSchema,
    open: async ({ maxMessageBytes, ...config }, clock) => {
      const packages = ["@azure/service-bus"];
      const { serviceBus } = await load("service-bus", packages, () => import("./service-bus/index.ts"));
      const limits = maxMessageBytes === undefined ? {} : { maxMessageBytes, maxBatchBytes: maxMessageBytes };
      if (config.connectionString !== undefined || config.namespace === undefined)
        return serviceBus({ ...config, limits, clock });
      const { azureCredential } = await load(
        "service-bus",
        [...packages, "@azure/identity"],
        () => import("./service-bus/credential.ts"),
      );
      return serviceBus({ ...config, limits, clock, credential: azureCredential() });
    },
  },
};

/**
 * Opens the queue that a configuration describes. Only the adapter of its provider is loaded. Nothing is sent before
 * the first use. Rejects `config` where the configuration is wrong, `missing_dependency` where the provider's SDK is
 * not installed. `options` are what is given as code: a clock, and whatever is to lie over the configuration.
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

/** Loaded where it is chosen: Node's SQLite is no concern of anybody else. */
async function openDelayStore({ delayStore }: QueueConfig): Promise<DelayStore | undefined> {
  if (delayStore === undefined) return undefined;
  const { sqliteDelayStore } = await import("../src/delay-store/index.ts");
  return sqliteDelayStore({ path: delayStore.sqlite });
}

/**
 * Checks a configuration without opening it. Throws `config` with the path of every fault and what was expected there.
 * `where` names the configuration in that error, and `alsoKnown` keys beside it that somebody else has read.
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
    throw new QueueError("config", `${where}: provider: unknown provider ${show(provider)}, ${hint}${all}`);
  }
  const schema: z.ZodType<QueueConfig> = providers[provider as Provider].schema;
  return check(schema, input, where, alsoKnown);
}

/** Generic, so that the compiler sees that a provider's entry gets that provider's configuration. */
function openDriver<P extends Provider>(
  provider: P,
  config: ConfigOf<P>,
  clock: Clock | undefined,
): Promise<Driver> {
  return providers[provider].open(config, clock);
}
