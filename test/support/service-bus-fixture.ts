import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";
import { serviceBus, type ServiceBusOptions } from "../../adapters/service-bus/index.ts";
import type { QueueDefinition, ServiceBusServerOptions } from "../../servers/service-bus/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { ReceiveEvent } from "../../src/diagnostics.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../src/queue/receive.ts";
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

export function jobs(count: number): { type: string; payload: number }[] {
  return Array.from({ length: count }, (_, index) => ({ type: "job", payload: index }));
}

/**
 * Longest time without a message after a fault has ended, with room for a lock of 5 s and a slow machine. Without the
 * adapter's own recovery, the SDK needs a minute.
 */
export const MAX_SILENCE_MS = 15_000;

/** Waits until a condition holds. Fails after `withinMs`. */
export async function until(
  condition: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${condition}: not within ${withinMs} ms`);
    await sleep(5);
  }
}

/** A running receiver. */
export interface Work {
  /** Number of ended runs by message id. */
  readonly handled: ReadonlyMap<string, number>;
  /** Number of runs that have ended. */
  readonly runs: number;
  readonly events: readonly ReceiveEvent[];
  /** Longest time in which no run started, in milliseconds. */
  readonly silenceMs: number;
  stop(): Promise<void>;
}

/** Receives until `stop`, and counts the runs. */
export function work(
  queue: Queue,
  name: string,
  handler: Handler = async () => undefined,
  options: ReceiveOptions = {},
): Work {
  const handled = new Map<string, number>();
  const events: ReceiveEvent[] = [];
  const stop = new AbortController();
  let [runs, lastAt, silenceMs] = [0, Date.now(), 0];
  const receiving = queue.receive(
    name,
    async (message, context) => {
      const now = Date.now();
      silenceMs = Math.max(silenceMs, now - lastAt);
      lastAt = now;
      try {
        return await handler(message, context);
      } finally {
        runs += 1;
        handled.set(message.id, (handled.get(message.id) ?? 0) + 1);
      }
    },
    { ...options, signal: stop.signal, onEvent: (event) => void events.push(event as ReceiveEvent) },
  );
  return {
    handled,
    events,
    get runs() {
      return runs;
    },
    get silenceMs() {
      return silenceMs;
    },
    async stop() {
      stop.abort();
      await receiving;
    },
  };
}

/** Number of messages in a queue, ready or locked. */
export async function leftIn(queue: Queue, name: string): Promise<number | undefined> {
  return (await queue.stats(name)).backlog;
}
