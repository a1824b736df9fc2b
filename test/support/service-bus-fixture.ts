import { afterAll } from "vitest";
import { serviceBus, type ServiceBusOptions } from "../../adapters/service-bus/index.ts";
import type { QueueDefinition, ServiceBusServerOptions } from "../../servers/service-bus/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { ServiceBusProcess } from "./service-bus.ts";

/** A Service Bus server in a process of its own, for fault tests. */
export interface ServiceBusFixture {
  readonly server: ServiceBusProcess;
  /** Creates a queue under a new name. */
  readonly freshQueue: (definition?: Omit<QueueDefinition, "name">) => Promise<string>;
  readonly connect: (options?: ServiceBusOptions) => Queue;
}

/** Starts a server, which ends after the test file. */
export async function startServiceBusFixture(
  options: ServiceBusServerOptions = {},
): Promise<ServiceBusFixture> {
  const server = await ServiceBusProcess.start(options);
  const opened: Queue[] = [];
  let made = 0;
  afterAll(async () => {
    await Promise.all(opened.map((queue) => queue.close()));
    await server.kill();
  });
  return {
    server,
    async freshQueue(definition = {}) {
      const name = `fault-${(made += 1)}`;
      await server.createQueue({ lockDurationMs: 30_000, maxDeliveryCount: 100, ...definition, name });
      return name;
    },
    connect(given = {}) {
      const queue = createQueue(serviceBus({ connectionString: server.connectionString, ...given }));
      opened.push(queue);
      return queue;
    },
  };
}

/**
 * Longest time without a message after a fault has ended, with room for a lock of 5 s and a slow machine. Without the
 * adapter's own recovery, the SDK needs a minute.
 */
export const MAX_SILENCE_MS = 15_000;
