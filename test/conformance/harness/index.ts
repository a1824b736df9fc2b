import type { Harness } from "../../../src/conformance/index.ts";

/** A harness that is up, and what takes it down again. */
export interface Running {
  readonly harness: Harness;
  close(): Promise<void>;
}

/** How the harness of each adapter is brought up; its module is loaded when it is asked for, with its client library. */
export const harnesses: Readonly<Record<string, () => Promise<Running>>> = {
  memory: () => inMemory(),
  "memory-sqs": () => inMemory("sqs"),
  "memory-pubsub": () => inMemory("pubsub"),
  "memory-service-bus": () => inMemory("service-bus"),
  directory: async () => (await import("./directory.ts")).directoryHarness(),
  sqs: async () => (await import("./sqs.ts")).sqsHarness(),
  "sqs-second": async () => (await import("./sqs.ts")).secondSqsHarness(),
  pubsub: async () => (await import("./pubsub.ts")).pubsubHarness(),
  "service-bus": async () => (await import("./service-bus.ts")).serviceBusHarness({ sessions: false }),
  "service-bus-sessions": async () =>
    (await import("./service-bus.ts")).serviceBusHarness({ sessions: true }),
};

async function inMemory(emulate?: "sqs" | "pubsub" | "service-bus"): Promise<Running> {
  const { memoryHarness } = await import("./memory.ts");
  return { harness: memoryHarness(emulate), close: async () => {} };
}
