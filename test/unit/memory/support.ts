import type {
  Admin,
  Delivery,
  Driver,
  Operation,
  Outgoing,
  QueueSpec,
  SendResult,
  SettleResult,
  Source,
} from "../../../src/driver/index.ts";
import { memory, type MemoryOptions, type EmulatedProvider } from "../../../adapters/memory/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

export const LEASE_MS = 30_000;
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** A signal that never aborts. */
export const never: AbortSignal = new AbortController().signal;

/** One driver with one queue and one source, on a clock of its own. */
export interface Fixture {
  readonly clock: FakeClock;
  readonly driver: Driver & { readonly admin: Admin };
  readonly queue: string;
  readonly source: Source;
  readonly send: (...messages: (string | Partial<Outgoing>)[]) => Promise<SendResult[]>;
  /** Receives the messages that are ready now, without waiting. */
  readonly receive: (max?: number) => Promise<Delivery[]>;
  readonly receiveOne: () => Promise<Delivery>;
  readonly settle: (...operations: Operation[]) => Promise<SettleResult[]>;
}

export interface FixtureOptions extends Omit<MemoryOptions, "clock"> {
  readonly queue?: string;
  readonly prefetch?: number;
  readonly leaseMs?: number;
}

export function newFixture({
  queue = "jobs",
  prefetch = 1_000,
  leaseMs = LEASE_MS,
  ...options
}: FixtureOptions = {}): Fixture {
  const clock = new FakeClock();
  const driver = memory({ clock, ...options });
  const source = driver.open(queue, { prefetch, leaseMs });
  const receive = async (max = 10): Promise<Delivery[]> => {
    const stopWaiting = new AbortController();
    const polled = source.next(max, stopWaiting.signal);
    // A rejection is reported by the `return` below; until then it must not count as unhandled.
    polled.catch(() => {});
    await clock.settle();
    stopWaiting.abort();
    return polled;
  };
  return {
    clock,
    driver,
    queue,
    source,
    receive,
    send: (...messages) => driver.send(queue, messages.map(outgoing), never),
    receiveOne: async () => {
      const [delivery] = await receive(1);
      if (delivery === undefined) throw new Error("nothing was ready");
      return delivery;
    },
    settle: (...operations) => source.settle(operations),
  };
}

export function outgoing(message: string | Partial<Outgoing>): Outgoing {
  const given = typeof message === "string" ? { body: message } : message;
  return { body: "body", attributes: {}, delayMs: 0, ...given };
}

export const ack = (delivery: Delivery): Operation => ({ kind: "ack", delivery });
export const release = (delivery: Delivery, delayMs: number = 0): Operation => ({
  kind: "release",
  delivery,
  delayMs,
});
export const extend = (delivery: Delivery, leaseMs: number): Operation => ({
  kind: "extend",
  delivery,
  leaseMs,
});

export function bodies(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ body }) => (typeof body === "string" ? body : Buffer.from(body).toString()));
}

/** The outcome of each result: `ok`, or the kind of its error. */
export function kinds(results: readonly (SendResult | SettleResult)[]): string[] {
  return results.map((result) => (result.ok ? "ok" : result.error.kind));
}

/** The counts of the fixture's queue: ready, in flight, delayed. */
export async function counts({ driver, queue }: Fixture): Promise<(number | undefined)[]> {
  const { ready, inFlight, delayed } = await driver.stats(queue);
  return [ready, inFlight, delayed];
}

/** A fixture whose driver emulates a provider. */
export function emulated(cloud: EmulatedProvider, options: FixtureOptions = {}): Fixture {
  return newFixture({ emulate: cloud, queues: [options.queue ?? "jobs"], ...options });
}

/** The same message `count` times. */
export function copies(count: number, message: Partial<Outgoing> = {}): Partial<Outgoing>[] {
  return Array.from({ length: count }, () => message);
}

/** A set of `count` attributes. */
export function attributesOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "value"]));
}

export const spec: QueueSpec = { brokerMaxDeliveries: 20, leaseMs: LEASE_MS };
