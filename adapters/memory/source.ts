import {
  type Clock,
  type Delivery,
  DriverError,
  type OpenOptions,
  type Operation,
  PollRunner,
  type SettleResult,
  type Source,
} from "../../src/driver/index.ts";
import type { Broker } from "./broker.ts";
import { batchUnderFault, type FaultPoint, type Faults, requestUnderFault } from "./faults.ts";
import type { Holder } from "./message.ts";
import type { Poll } from "./polls.ts";
import type { MemoryQueue } from "./queue.ts";

/** The parts of a driver that its sources use. */
export interface SourceContext {
  readonly clock: Clock;
  readonly broker: Broker;
  readonly maxReceive: number;
  readonly maxPolls: number;
  readonly longPollMs: number;
  readonly maxLeaseMs: number;
  readonly maxSettleBatch: number;
  readonly faults: Faults | undefined;
}

/** Leased messages of one queue in one receiver. */
export class MemorySource implements Source, Holder {
  held = 0;
  readonly #queueName: string;
  readonly #options: OpenOptions;
  readonly #context: SourceContext;
  /** Polls under faults. A poll without a fault takes no time, so nothing can arrive after its call has ended. */
  readonly #faultyPolls: PollRunner | undefined;
  #queue: MemoryQueue | undefined;
  /** Calls of `next` that have not been answered, and the number of messages for which they ask. */
  #calls = 0;
  #asked = 0;
  #stopped = false;
  #closed = false;

  constructor(queue: string, options: OpenOptions, context: SourceContext) {
    this.#queueName = queue;
    this.#options = options;
    this.#context = context;
    const { faults, clock, longPollMs } = context;
    if (faults === undefined) return;
    const request = (max: number, signal: AbortSignal): Promise<Delivery[]> =>
      this.#pollUnderFault(faults, max, signal);
    this.#faultyPolls = new PollRunner(request, clock, options.waitMs ?? longPollMs);
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#check(max);
    if (this.#stopped || signal.aborted) return [];
    this.#calls += 1;
    this.#asked += max;
    try {
      if (this.#faultyPolls !== undefined) return await this.#faultyPolls.next(max, signal);
      return await this.#use().next(this.#poll(max), signal);
    } finally {
      this.#calls -= 1;
      this.#asked -= max;
    }
  }

  async settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    if (this.#closed) throw this.#permanent("was closed before this settlement");
    const { faults, maxSettleBatch } = this.#context;
    if (operations.length > maxSettleBatch) {
      throw this.#permanent(
        `was asked for ${operations.length} settlements at once; at most ${maxSettleBatch} are possible`,
      );
    }
    if (faults === undefined) return this.#existing().settle(operations);
    // A request that is held up outlives this call; the caller's array does not.
    const kept = [...operations];
    const point: FaultPoint = { operation: "settle", queue: this.#queueName, operations: kept };
    return batchUnderFault(faults, point, kept, (rest) => this.#existing().settle(rest));
  }

  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    this.#queue?.endPolls(this);
    return (await this.#faultyPolls?.stop()) ?? [];
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#closed = true;
    this.#queue?.endPolls(this);
  }

  /** Refuses requests that the core never makes. A driver that accepted them would hide a mistake of the core. */
  #check(max: number): void {
    if (this.#closed) throw this.#permanent("was closed before this poll");
    const { maxReceive, maxPolls, maxLeaseMs } = this.#context;
    const { prefetch, leaseMs } = this.#options;
    if (!(leaseMs > 0 && leaseMs <= maxLeaseMs)) {
      throw this.#permanent(`was opened with a lease of ${leaseMs} ms; at most ${maxLeaseMs} is possible`);
    }
    if (!(max >= 1 && max <= maxReceive)) {
      throw this.#permanent(`was asked for ${max} messages; from 1 to ${maxReceive} are possible`);
    }
    if (this.#calls >= maxPolls) {
      throw this.#permanent(`has ${maxPolls} polls under way, the most that are possible`);
    }
    const wanted = this.held - (this.#faultyPolls?.kept ?? 0) + this.#asked + max;
    if (wanted > prefetch) {
      throw this.#permanent(
        `was asked for ${max} messages, which makes ${wanted} unsettled; at most ${prefetch} are possible`,
      );
    }
  }

  async #pollUnderFault(faults: Faults, max: number, signal: AbortSignal): Promise<Delivery[]> {
    const point: FaultPoint = { operation: "receive", queue: this.#queueName, max };
    const fault = await faults.before(point);
    return requestUnderFault(fault, point, () => {
      const queue = this.#use();
      return signal.aborted ? queue.takeNow(this.#poll(max)) : queue.next(this.#poll(max), signal);
    });
  }

  #poll(max: number): Poll {
    return { holder: this, leaseMs: this.#options.leaseMs, max, waitMs: this.#options.waitMs };
  }

  /** The queue. It may have been dropped and created again since the last poll. */
  #use(): MemoryQueue {
    if (this.#queue === undefined || this.#queue.ended !== undefined) {
      this.#queue = this.#context.broker.use(this.#queueName);
    }
    return this.#queue;
  }

  /** The queue from which this source has received. */
  #existing(): MemoryQueue {
    const queue = this.#queue ?? this.#use();
    if (queue.ended !== undefined) throw queue.ended;
    return queue;
  }

  #permanent(problem: string): DriverError {
    return new DriverError("permanent", `A source of queue "${this.#queueName}" ${problem}.`);
  }
}
