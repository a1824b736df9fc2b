import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteDelayStore } from "../../../src/delay-store/index.ts";
import type { Harness } from "../../../src/conformance/index.ts";

/** A harness that is up, and what takes it down again. */
export interface Runner {
  readonly harness: Harness;
  close(): Promise<void>;
}

/** How the harness of each adapter is brought up; its module is loaded when it is asked for, with its client library. */
export const harnesses: Readonly<Record<string, () => Promise<Runner>>> = {
  memory: () => inMemory(),
  "memory-sqs": () => inMemory("sqs"),
  "memory-pubsub": () => inMemory("pubsub"),
  "memory-service-bus": () => inMemory("service-bus"),
  "memory-store": async () => withStore(await inMemory()),
  "memory-sqs-store": async () => withStore(await inMemory("sqs")),
  "memory-pubsub-store": async () => withStore(await inMemory("pubsub")),
  "memory-service-bus-store": async () => withStore(await inMemory("service-bus")),
  directory: async () => (await import("./directory.ts")).directoryHarness(),
  sqs: async () => (await import("./sqs.ts")).sqsHarness(),
  "sqs-second": async () => (await import("./sqs.ts")).secondSqsHarness(),
  "sqs-store": async () => withStore(await (await import("./sqs.ts")).sqsHarness()),
  "pubsub-store": async () => withStore(await (await import("./pubsub.ts")).pubsubHarness()),
  "service-bus-store": async () =>
    withStore(await (await import("./service-bus.ts")).serviceBusHarness({ sessions: false })),
  pubsub: async () => (await import("./pubsub.ts")).pubsubHarness(),
  "service-bus": async () => (await import("./service-bus.ts")).serviceBusHarness({ sessions: false }),
  "service-bus-sessions": async () =>
    (await import("./service-bus.ts")).serviceBusHarness({ sessions: true }),
};

async function inMemory(emulate?: "sqs" | "pubsub" | "service-bus"): Promise<Runner> {
  const { memoryHarness } = await import("./memory.ts");
  return { harness: memoryHarness(emulate), close: async () => {} };
}

/** The same with a delay store: an SQLite file that every client opens for itself. */
async function withStore(running: Runner): Promise<Runner> {
  const { harness } = running;
  const directory = await mkdtemp(join(tmpdir(), "queueport-store-"));
  return {
    harness: {
      ...harness,
      name: `${harness.name}-store`,
      openDelayStore: () => sqliteDelayStore({ path: join(directory, "delays.db") }),
    },
    async close() {
      await running.close();
      await rm(directory, { recursive: true });
    },
  };
}
