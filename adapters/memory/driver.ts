import {
  type Admin,
  checkKeys,
  type Clock,
  type Driver,
  DriverError,
  type DriverStats,
  type ErrorKind,
  type KnownKeys,
  type Limits,
  type OpenOptions,
  type Outgoing,
  QueueError,
  type QueueTraits,
  reservedNameProblem,
  type SendResult,
  sendUntilAborted,
  type Source,
  systemClock,
} from "../../src/driver/index.ts";
import { Broker } from "./broker.ts";
import { type EmulatedProvider, plain, type Profile, profiles } from "./emulated-providers.ts";
import { batchUnderFault, type FaultPoint, type Faults } from "./faults.ts";
import { parseHandle } from "./names.ts";
import { MemorySource } from "./source.ts";

/** Options of queues in memory. */
export interface MemoryOptions {
  /** The clock of leases, delays, retention and polls. @default the machine's clock */
  readonly clock?: Clock | undefined;
  /**
   * The largest number of messages in one queue. The dead-letter queue and the delay queue each have this capacity as
   * well. `Infinity` is no limit.
   * @default 10000
   */
  readonly capacity?: number | undefined;
  /** Whether a queue that was not created is refused, as a cloud refuses it. @default false */
  readonly strict?: boolean | undefined;
  /** The provider whose limits and traits the queues have. Missing queues are then refused as well. @default none */
  readonly emulate?: EmulatedProvider | undefined;
  /** `"exact"`: counts are exact, which `runUntilIdle` needs. @default as the emulated provider counts */
  readonly stats?: "exact" | undefined;
  /** The queues that exist from the start, with their dead-letter and delay queues. @default none */
  readonly queues?: readonly string[] | undefined;
  /** Queues whose deliveries are not counted. @default none */
  readonly uncounted?: readonly string[] | undefined;
  /** Faults between the core and the queues, for tests. @default none */
  readonly faults?: Faults | undefined;
}

const OPTIONS: KnownKeys<MemoryOptions> = {
  clock: true,
  capacity: true,
  strict: true,
  emulate: true,
  stats: true,
  queues: true,
  uncounted: true,
  faults: true,
};

const DEFAULT_CAPACITY = 10_000;

/**
 * Creates a driver for queues in this process. They exist as long as the driver. Leases, delays, retention and polls
 * follow `clock`.
 *
 * @throws QueueError `invalid_options` if `emulate` is unknown, or if `capacity` is less than 1; `config` if one of
 * `queues` is reserved for another one, as `emails-dlq` is for `emails`
 *
 * @example
 * import { createQueue } from "queueport";
 * import { memory } from "queueport/memory";
 *
 * const queue = createQueue(memory());
 */
export function memory(options: MemoryOptions = {}): Driver & { readonly admin: Admin } {
  checkKeys("memory", options, OPTIONS);
  return new MemoryDriver(options);
}

class MemoryDriver implements Driver {
  readonly provider = "memory";
  readonly scope = "memory";
  readonly isProcessLocal = true;
  readonly limits: Limits;
  readonly admin: Admin;
  /** Undefined if the emulated provider cannot cancel. */
  readonly cancel?: (handle: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly #broker: Broker;
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
    const problem = reservedNameProblem(options.queues ?? []);
    if (problem !== undefined) throw new QueueError("config", `memory: queues: ${problem}.`);
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
    this.#broker = new Broker({ clock, profile, capacity, nextId }, { createsQueues, uncounted });
    for (const queue of options.queues ?? []) this.#broker.create(queue);
    this.admin = {
      ensure: async (queue, spec) => this.#broker.ensure(queue, spec),
      drop: async (queue) => this.#broker.drop(queue),
      plan: async (queue, spec) => this.#broker.plan(queue, spec),
    };
    if (profile.limits.cancel) this.cancel = async (handle) => this.#cancel(handle);
  }

  async describe(queue: string): Promise<QueueTraits> {
    return this.#broker.use(queue).traits;
  }

  classify(error: unknown): ErrorKind {
    return error instanceof DriverError ? error.kind : "permanent";
  }

  async send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const faults = this.#faults;
    if (faults === undefined && !signal.aborted) return this.#broker.use(queue).send(messages);
    return sendUntilAborted(queue, signal, () => this.#sendUnderFault(queue, messages, faults));
  }

  open(queue: string, options: OpenOptions): Source {
    const { maxReceive, maxPolls, longPollMs, maxLeaseMs, maxSettleBatch } = this.limits;
    return new MemorySource(queue, options, {
      clock: this.clock,
      broker: this.#broker,
      maxReceive,
      maxPolls,
      longPollMs,
      maxLeaseMs,
      maxSettleBatch,
      faults: this.#faults,
    });
  }

  async stats(queue: string): Promise<DriverStats> {
    return this.#broker.use(queue).stats();
  }

  async close(): Promise<void> {
    this.#broker.close();
  }

  async #sendUnderFault(
    queue: string,
    messages: readonly Outgoing[],
    faults: Faults | undefined,
  ): Promise<SendResult[]> {
    if (faults === undefined) return this.#broker.use(queue).send(messages);
    // A request that is held up outlives this call; the caller's array and bytes do not.
    const kept = messages.map(({ body, ...rest }) => ({
      ...rest,
      body: typeof body === "string" ? body : new Uint8Array(body),
    }));
    const point: FaultPoint = { operation: "send", queue, messages: kept };
    return batchUnderFault<Outgoing, SendResult>(faults, point, kept, (rest) =>
      this.#broker.use(queue).send(rest),
    );
  }

  #cancel(handle: string): boolean {
    const parsed = parseHandle(handle);
    if (parsed === undefined) {
      throw new DriverError("permanent", `The handle "${handle}" was not returned by a send of this driver.`);
    }
    return this.#broker.find(parsed.queue)?.cancel(parsed.brokerId) ?? false;
  }
}
