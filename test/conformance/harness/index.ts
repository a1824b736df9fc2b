import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteDelayStore } from "../../../src/delay-store/index.ts";
import type { Harness } from "../../../src/conformance/index.ts";

/** Starts the harness of each adapter. Its module, with the adapter's client library, is loaded when it is first needed. */
export const harnesses: Readonly<Record<string, () => Promise<Harness>>> = {
  memory: () => inMemory(),
  "memory-sqs": () => inMemory("sqs"),
  "memory-pubsub": () => inMemory("pubsub"),
  "memory-service-bus": () => inMemory("service-bus"),
  "memory-remote": async () => (await import("./memory.ts")).memoryHarness(undefined, true),
  "memory-store": async () => withStore(await inMemory()),
  "memory-sqs-store": async () => withStore(await inMemory("sqs")),
  "memory-pubsub-store": async () => withStore(await inMemory("pubsub")),
  "memory-service-bus-store": async () => withStore(await inMemory("service-bus")),
  directory: async () => (await import("./directory.ts")).directoryHarness(),
  postgres: async () => (await import("./postgres.ts")).postgresHarness(),
  "postgres-found": async () => (await import("./postgres.ts")).foundPostgresHarness(),
  "postgres-newest": async () => (await import("./postgres.ts")).newestPostgresHarness(),
  redis: async () => (await import("./redis.ts")).redisHarness(),
  // With the window of deduplication that is an option, on a server that can be restarted.
  "redis-dedup": async () => (await import("./redis.ts")).privateRedisHarness(),
  sqlite: async () => (await import("./sqlite.ts")).sqliteHarness(),
  // With the window of deduplication that is an option.
  "sqlite-dedup": async () =>
    (await import("./sqlite.ts")).sqliteHarness({ dedupWindowMs: "5m", synchronous: "normal" }),
  sqs: async () => (await import("./sqs.ts")).sqsHarness(),
  "sqs-second": async () => (await import("./sqs.ts")).secondSqsHarness(),
  "sqs-store": async () => withStore(await (await import("./sqs.ts")).sqsHarness()),
  pubsub: async () => (await import("./pubsub.ts")).pubsubHarness(),
  "pubsub-store": async () => withStore(await (await import("./pubsub.ts")).pubsubHarness()),
  "service-bus": () => onServiceBus(false),
  "service-bus-sessions": () => onServiceBus(true),
  "service-bus-store": async () => withStore(await onServiceBus(false)),
};

async function inMemory(emulate?: "sqs" | "pubsub" | "service-bus"): Promise<Harness> {
  return (await import("./memory.ts")).memoryHarness(emulate);
}

async function onServiceBus(sessions: boolean): Promise<Harness> {
  return (await import("./service-bus.ts")).serviceBusHarness({ sessions });
}

/** Adds a delay store to a harness: an SQLite file that every client opens itself. */
async function withStore(harness: Harness): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), "queueport-store-"));
  return {
    ...harness,
    name: `${harness.name}-store`,
    openDelayStore: () => sqliteDelayStore({ path: join(directory, "delays.db") }),
    async close() {
      await harness.close?.();
      await rm(directory, { recursive: true });
    },
  };
}
