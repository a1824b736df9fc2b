import { memory, type Fault, type FaultPoint, type EmulatedProvider } from "../../adapters/memory/index.ts";
import { Connection } from "../../src/transport/connection.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { QueueHooks } from "../../src/client/queue-hooks.ts";
import type { JobEvent, ReceiveEvent } from "../../src/diagnostics.ts";
import type { Delivery, Driver, Outgoing, Source } from "../../src/driver/contract.ts";
import type { Limits, QueueTraits } from "../../src/driver/limits.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** A signal that never aborts. */
export const never: AbortSignal = new AbortController().signal;

/** A promise that a test resolves when it wants to. */
export class Door {
  readonly opened: Promise<void>;
  open: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Chooses a fault for a request, or undefined for none. A test may replace the rule while it runs. */
export type FaultRule = (point: FaultPoint) => Fault | undefined;

/** Options of the memory driver, or a driver in its place. */
export interface QueueFixtureOptions {
  readonly emulate?: EmulatedProvider;
  readonly queues?: readonly string[];
  readonly random?: () => number;
  readonly clock?: FakeClock;
  readonly driver?: Driver;
  readonly capacity?: number;
  readonly stats?: "exact";
  /** Further options of the queue. */
  readonly hooks?: QueueHooks;
}

/** A queue on a memory driver with a fake clock. Records the requests, and injects faults. */
export class QueueFixture {
  readonly clock: FakeClock;
  readonly driver: Driver;
  readonly queue: Queue;
  readonly requests: FaultPoint[] = [];
  fault: FaultRule = () => undefined;

  constructor({
    emulate,
    queues,
    random = () => 0.5,
    clock,
    driver,
    capacity,
    stats,
    hooks = {},
  }: QueueFixtureOptions = {}) {
    this.clock = clock ?? new FakeClock();
    const before = (point: FaultPoint): Fault | undefined => {
      this.requests.push(point);
      return this.fault(point);
    };
    this.driver =
      driver ?? memory({ clock: this.clock, emulate, queues, capacity, stats, faults: { before } });
    this.queue = createQueue(this.driver, { clock: this.clock, random, ...hooks });
  }

  /** Receives the visible messages of a queue as the driver returns them, and releases them immediately. */
  async peek(queue: string): Promise<Delivery[]> {
    const source = this.driver.open(queue, { prefetch: 1_000, leaseMs: 1 });
    const stop = new AbortController();
    const polled = source.next(this.driver.limits.maxReceive, stop.signal);
    await this.clock.settle();
    stop.abort();
    const found = await polled;
    await source.settle(found.map((one) => ({ kind: "release", delivery: one, delayMs: 0 })));
    await source.close();
    return found;
  }

  /** Sends a message through the driver, for content that `queue.send` would refuse. */
  async plant(queue: string, outgoing: Partial<Outgoing>): Promise<void> {
    const [result] = await this.driver.send(
      queue,
      [{ body: "{}", attributes: {}, delayMs: 0, ...outgoing }],
      never,
    );
    if (result?.ok !== true) throw new Error("the driver did not accept the message");
  }
}

/** The state of a promise, with its value or its error. */
export class Outcome<T> {
  value: T | undefined;
  error: unknown;
  state: "pending" | "resolved" | "rejected" = "pending";

  constructor(promise: Promise<T>) {
    promise.then(
      (value) => {
        this.state = "resolved";
        this.value = value;
      },
      (error: unknown) => {
        this.state = "rejected";
        this.error = error;
      },
    );
  }
}

export function watch<T>(promise: Promise<T>): Outcome<T> {
  return new Outcome(promise);
}

/** The rejections and exceptions that nothing handled while `work` ran, and in the two ticks after it. */
export async function unhandledDuring(work: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const add = (error: unknown): void => void unhandled.push(error);
  const events = ["unhandledRejection", "uncaughtException"] as const;
  const before = events.map((event) => process.listeners(event as "uncaughtException"));
  for (const event of events) process.removeAllListeners(event).on(event, add);
  try {
    await work();
    for (let ticks = 0; ticks < 2; ticks += 1) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    for (const [index, event] of events.entries()) {
      process.removeAllListeners(event);
      for (const listener of before[index] ?? []) process.on(event, listener);
    }
  }
  return unhandled;
}

/** A connection without a queue, for tests of the layers below it. */
export function connect(driver: Driver, clock: Clock, random: () => number = () => 0.5): Connection {
  return new Connection(driver, clock, random, {});
}

/** The events that a receiver or a worker emitted. */
export class Events {
  readonly all: (JobEvent | ReceiveEvent)[] = [];
  readonly add = (event: JobEvent | ReceiveEvent): void => {
    this.all.push(event);
  };

  /** Names of the events in order, without polls. */
  get names(): string[] {
    return this.all.map(({ event }) => event).filter((event) => event !== "polled");
  }

  of<E extends (JobEvent | ReceiveEvent)["event"]>(
    name: E,
  ): Extract<JobEvent | ReceiveEvent, { event: E }>[] {
    return this.all.filter(
      (event): event is Extract<JobEvent | ReceiveEvent, { event: E }> => event.event === name,
    );
  }
}

const NO_LIMIT: number = Number.POSITIVE_INFINITY;

export const limits: Limits = {
  maxBatch: 10,
  maxBatchBytes: 1_000_000,
  maxMessageBytes: 1_000_000,
  maxAttributes: 10,
  maxAttributeBytes: 100_000,
  nativeDelayMs: 900_000,
  maxReceive: 10,
  maxPolls: 4,
  longPollMs: 20_000,
  maxSettleBatch: 10,
  maxReleaseDelayMs: 900_000,
  maxHopMs: 12 * HOUR,
  maxLeaseMs: 12 * HOUR,
  maxTotalLeaseMs: 12 * HOUR,
  maxInFlight: NO_LIMIT,
  retentionMs: NO_LIMIT,
  cancel: false,
  createsQueues: false,
};

export const traits: QueueTraits = {
  ordering: "none",
  orderingKeyRequired: false,
  dedupWindowMs: 0,
  deadLetter: "copy",
  deadLetterQueue: "jobs-dlq",
  delayQueue: "jobs-delay",
  nativeDelayMs: 900_000,
  countsDeliveries: true,
};

export function delivery(fields: Partial<Delivery> = {}): Delivery {
  return {
    body: "{}",
    attributes: {},
    deliveryCount: 1,
    leaseUntil: 30_000,
    brokerId: "b1",
    receipt: undefined,
    ...fields,
  };
}

const unused = (): never => {
  throw new Error("not expected");
};

/** A driver with the given methods. A call of another method fails the test. */
export function driverOf(fields: Partial<Driver>): Driver {
  return {
    provider: "test",
    limits,
    describe: () => Promise.resolve(traits),
    classify: () => "permanent",
    send: unused,
    open: unused,
    stats: unused,
    close: () => Promise.resolve(),
    ...fields,
  };
}

/** A source with the given methods. A call of another method fails the test. */
export function sourceOf(fields: Partial<Source>): Source {
  return {
    next: unused,
    settle: unused,
    stop: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    ...fields,
  };
}

/** An array of `count` items, each made from its index. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
