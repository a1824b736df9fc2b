import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";
import { serviceBus, type ServiceBusOptions } from "../../adapters/service-bus/index.ts";
import type { QueueDefinition, ServiceBusServerOptions } from "../../servers/service-bus/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { ReceiveEvent } from "../../src/diagnostics.ts";
import type { Handler, Queue, ReceiveOptions } from "../../src/queue/queue.ts";
import { ServiceBusProcess } from "./service-bus.ts";

/** A Service Bus server in a process of its own, and what fault tests do with it. */
export interface ServiceBusBed {
  readonly server: ServiceBusProcess;
  /** A queue of its own for each test. */
  readonly freshQueue: (definition?: Omit<QueueDefinition, "name">) => Promise<string>;
  readonly connect: (options?: ServiceBusOptions) => Queue;
}

/** Starts one; it ends with the file. */
export async function startServiceBusBed(options: ServiceBusServerOptions = {}): Promise<ServiceBusBed> {
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
 * The longest that a worker may hear nothing once it could: a lock of five seconds on a machine that has nothing else
 * to do. The libraries' own ways back take a minute.
 */
export const DEAF_MS = 15_000;

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs} ms`);
    await sleep(5);
  }
}

/** A receiver at work. */
export interface Working {
  /** How often each message was handled, by its id. */
  readonly handled: ReadonlyMap<string, number>;
  /** Runs that have ended. */
  readonly runs: number;
  readonly events: readonly ReceiveEvent[];
  /** The longest time without a message begun, since the start or the last call of `listen`. */
  readonly deafMs: number;
  listen(): void;
  stop(): Promise<void>;
}

/** Receives until `stop`; keeps account. */
export function work(
  queue: Queue,
  name: string,
  handler: Handler = async () => undefined,
  options: ReceiveOptions = {},
): Working {
  const handled = new Map<string, number>();
  const events: ReceiveEvent[] = [];
  const stop = new AbortController();
  let [runs, lastAt, deafMs] = [0, Date.now(), 0];
  const receiving = queue.receive(
    name,
    async (message, context) => {
      const now = Date.now();
      deafMs = Math.max(deafMs, now - lastAt);
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
    get deafMs() {
      return deafMs;
    },
    listen() {
      lastAt = Date.now();
      deafMs = 0;
    },
    async stop() {
      stop.abort();
      await receiving;
    },
  };
}

/** What is left in a queue, ready or locked: where there is nothing, nothing can come again. */
export async function leftIn(queue: Queue, name: string): Promise<number | undefined> {
  return (await queue.stats(name)).backlog;
}
