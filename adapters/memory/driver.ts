import {
  type Admin,
  type Clock,
  type Driver,
  DriverError,
  type DriverStats,
  type ErrorKind,
  type Limits,
  type OpenOptions,
  type Outgoing,
  QueueError,
  type QueueTraits,
  type SendResult,
  type Source,
  systemClock,
} from "../../src/driver/index.ts";
import { untilAborted } from "./abort.ts";
import { batchUnderFault, type FaultPoint, type Faults } from "./faults.ts";
import { parseHandle } from "./handles.ts";
import { type EmulatedProvider, plain, type Profile, profiles } from "./personalities.ts";
import { Registry } from "./registry.ts";
import { MemorySource } from "./source.ts";

/** How queues in memory behave. */
export interface MemoryOptions {
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** Messages that one queue holds, dead-letter and parking queues each as many; `Infinity` is no limit. @default 10000 */
  readonly capacity?: number | undefined;
  /** Refuse queues that were not created, as a cloud does. @default false */
  readonly strict?: boolean | undefined;
  /** Take on the limits and traits of a cloud. Missing queues are then refused too. */
  readonly emulate?: EmulatedProvider | undefined;
  /** Count exactly, also where the cloud that is emulated does not: `runUntilIdle` has to. @default as the cloud does */
  readonly stats?: "exact" | undefined;
  /** The queues that exist from the start, with their dead-letter and parking queues. */
  readonly queues?: readonly string[] | undefined;
  /** Queues whose deliveries are not counted. @default none */
  readonly uncounted?: readonly string[] | undefined;
  /** Faults between the core and the queues, for tests. @default none */
  readonly faults?: Faults | undefined;
}

const DEFAULT_CAPACITY = 10_000;

/**
 * Queues in this process, which last as long as the driver: the contract in its plainest form. Leases, delays,
 * retention and polls follow the clock that is given.
 *
 * @example
 * import { createQueue } from "queueport";
 * import { memory } from "queueport/memory";
 *
 * const queue = createQueue(memory());
 */
export function memory(options: MemoryOptions = {}): Driver & { readonly admin: Admin } {
  return new MemoryDriver(options);
}

class MemoryDriver implements Driver {
  readonly provider = "memory";
  readonly limits: Limits;
  readonly admin: Admin;
  /** Absent where the cloud that is emulated cannot. */
  readonly cancel?: (handle: string) => Promise<boolean>;
  readonly #registry: Registry;
  readonly clock: Clock;
  readonly #faults: Faults | undefined;

  constructor(options: MemoryOptions) {
    const { clock = systemClock, capacity = DEFAULT_CAPACITY, strict = false, emulate, faults } = options;
    if (emulate !== undefined && !Object.hasOwn(profiles, emulate)) {
      throw new QueueError(
        "invalid_options",
        `memory: emulate must be one of ${Object.keys(profiles).join(", ")}; got ${emulate as string}.`,
      );
    }
    if (!(capacity >= 1)) {
      throw new QueueError("invalid_options", `memory: capacity must be 1 or more; got ${String(capacity)}.`);
    }
    const emulated: Profile = emulate === undefined ? plain : profiles[emulate];
    const profile: Profile = { ...emulated, stats: options.stats ?? emulated.stats };
    const createsQueues = profile.limits.createsQueues && !strict;
    this.limits = { ...profile.limits, createsQueues };
    this.clock = clock;
    this.#faults = faults;
    let lastId = 0;
    const nextId = (): string => {
      lastId += 1;
      return String(lastId);
    };
    const uncounted = new Set(options.uncounted);
    this.#registry = new Registry({ clock, profile, capacity, nextId }, { createsQueues, uncounted });
    for (const queue of options.queues ?? []) this.#registry.create(queue);
    this.admin = {
      ensure: async (queue, spec) => this.#registry.ensure(queue, spec),
      drop: async (queue) => this.#registry.drop(queue),
      plan: async (queue, spec) => this.#registry.plan(queue, spec),
    };
    if (profile.limits.cancel) this.cancel = async (handle) => this.#cancel(handle);
  }

  async describe(queue: string): Promise<QueueTraits> {
    return this.#registry.use(queue).traits;
  }

  classify(error: unknown): ErrorKind {
    return error instanceof DriverError ? error.kind : "permanent";
  }

  async send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const abandoned = (): never => {
      throw new DriverError("ambiguous", `A send to queue "${queue}" was aborted.`, { cause: signal.reason });
    };
    if (signal.aborted) abandoned();
    if (this.#faults === undefined) return this.#registry.use(queue).send(messages);
    // A request that is held up outlives this call; the array does not.
    const kept = [...messages];
    const point: FaultPoint = { operation: "send", queue, messages: kept };
    const request = batchUnderFault<Outgoing, SendResult>(this.#faults, point, kept, (rest) =>
      this.#registry.use(queue).send(rest),
    );
    return untilAborted(request, signal, abandoned);
  }

  open(queue: string, options: OpenOptions): Source {
    const { maxReceive, maxPolls, maxLeaseMs, maxSettleBatch } = this.limits;
    return new MemorySource(queue, options, {
      clock: this.clock,
      registry: this.#registry,
      maxReceive,
      maxPolls,
      maxLeaseMs,
      maxSettleBatch,
      faults: this.#faults,
    });
  }

  async stats(queue: string): Promise<DriverStats> {
    return this.#registry.use(queue).stats();
  }

  async close(): Promise<void> {
    this.#registry.close();
  }

  #cancel(handle: string): boolean {
    const parsed = parseHandle(handle);
    if (parsed === undefined) {
      throw new DriverError("permanent", `The handle "${handle}" was not returned by a send of this driver.`);
    }
    return this.#registry.find(parsed.queue)?.cancel(parsed.brokerId) ?? false;
  }
}
