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

/** One driver, one queue, one source, on a clock of its own. */
export interface Bench {
  readonly clock: FakeClock;
  readonly driver: Driver & { readonly admin: Admin };
  readonly queue: string;
  readonly source: Source;
  readonly send: (...messages: (string | Partial<Outgoing>)[]) => Promise<SendResult[]>;
  /** What is ready now; empty where nothing is. */
  readonly receive: (max?: number) => Promise<Delivery[]>;
  readonly receiveOne: () => Promise<Delivery>;
  readonly settle: (...operations: Operation[]) => Promise<SettleResult[]>;
}

export interface BenchOptions extends Omit<MemoryOptions, "clock"> {
  readonly queue?: string;
  readonly prefetch?: number;
  readonly leaseMs?: number;
}

export function bench({
  queue = "jobs",
  prefetch = 1_000,
  leaseMs = LEASE_MS,
  ...options
}: BenchOptions = {}): Bench {
  const clock = new FakeClock();
  const driver = memory({ clock, ...options });
  const source = driver.open(queue, { prefetch, leaseMs });
  const receive = async (max = 10): Promise<Delivery[]> => {
    const stopWaiting = new AbortController();
    const polled = source.next(max, stopWaiting.signal);
    // One that rejects meanwhile does so to whoever awaits it below.
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

/** `ok`, or the kind of the error. */
export function kinds(results: readonly (SendResult | SettleResult)[]): string[] {
  return results.map((result) => (result.ok ? "ok" : result.error.kind));
}

/** The counts that stats give, without their time. */
export async function counts({ driver, queue }: Bench): Promise<(number | undefined)[]> {
  const { ready, inFlight, delayed } = await driver.stats(queue);
  return [ready, inFlight, delayed];
}

/** A bench that is held to what a cloud is held to. */
export function emulated(cloud: EmulatedProvider, options: BenchOptions = {}): Bench {
  return bench({ emulate: cloud, queues: [options.queue ?? "jobs"], ...options });
}

/** So many times the same message. */
export function copies(count: number, message: Partial<Outgoing> = {}): Partial<Outgoing>[] {
  return Array.from({ length: count }, () => message);
}

/** So many attributes. */
export function attributesOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "value"]));
}

export const spec: QueueSpec = { brokerMaxDeliveries: 20, leaseMs: LEASE_MS };
