import {
  type Clock,
  type Delivery,
  DriverError,
  type OpenOptions,
  type Operation,
  type SettleResult,
  type Source,
} from "../../src/driver/index.ts";
import { batchUnderFault, type FaultPoint, type Faults, requestUnderFault } from "./faults.ts";
import type { Holder } from "./message.ts";
import type { Poll } from "./polls.ts";
import type { MemoryQueue } from "./queue.ts";
import type { Registry } from "./registry.ts";

/** What a source needs of its driver. */
export interface SourceContext {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly maxReceive: number;
  readonly maxPolls: number;
  readonly maxLeaseMs: number;
  readonly maxSettleBatch: number;
  readonly faults: Faults | undefined;
}

/** The leased messages of one queue in one receiver. */
export class MemorySource implements Source, Holder {
  held = 0;
  readonly #queueName: string;
  readonly #options: OpenOptions;
  readonly #context: SourceContext;
  #queue: MemoryQueue | undefined;
  /** Calls of `next` that have not been answered, and the messages that they ask for. */
  #calls = 0;
  #asked = 0;
  /** Polls on their way, those included whose caller has stopped waiting. */
  readonly #outstanding = new Set<Promise<unknown>>();
  /** What arrived when nobody waited for it any more. */
  #late: Delivery[] = [];
  #stopped = false;
  #closed = false;

  constructor(queue: string, options: OpenOptions, context: SourceContext) {
    this.#queueName = queue;
    this.#options = options;
    this.#context = context;
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#check(max);
    if (this.#stopped || signal.aborted) return [];
    if (this.#late.length > 0) return this.#takeLate(max);
    this.#calls += 1;
    this.#asked += max;
    try {
      const poll: Poll = { holder: this, leaseMs: this.#options.leaseMs, max, waitMs: this.#options.waitMs };
      if (this.#context.faults === undefined) return await this.#use().next(poll, signal);
      return await this.#nextUnderFault(this.#context.faults, poll, signal);
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
        `was asked for ${operations.length} settlements at once; at most ${maxSettleBatch}`,
      );
    }
    if (faults === undefined) return this.#existing().settle(operations);
    const point: FaultPoint = { operation: "settle", queue: this.#queueName, operations };
    return batchUnderFault(faults, point, operations, (rest) => this.#existing().settle(rest));
  }

  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    this.#queue?.endPolls(this);
    while (this.#outstanding.size > 0) await Promise.allSettled(this.#outstanding);
    return this.#takeLate(this.#late.length);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#closed = true;
    this.#queue?.endPolls(this);
  }

  /** The core never asks for what breaks these; a driver that let it pass would hide that it does. */
  #check(max: number): void {
    if (this.#closed) throw this.#permanent("was closed before this poll");
    const { maxReceive, maxPolls, maxLeaseMs } = this.#context;
    const { prefetch, leaseMs } = this.#options;
    if (!(leaseMs > 0 && leaseMs <= maxLeaseMs)) {
      throw this.#permanent(`was opened with a lease of ${leaseMs} ms; at most ${maxLeaseMs}`);
    }
    if (!(max >= 1 && max <= maxReceive)) {
      throw this.#permanent(`was asked for ${max} messages; from 1 to ${maxReceive} are possible`);
    }
    if (this.#calls >= maxPolls) throw this.#permanent(`has ${maxPolls} polls outstanding, all it may have`);
    const wanted = this.held - this.#late.length + this.#asked + max;
    if (wanted > prefetch) {
      throw this.#permanent(
        `was asked for ${max} messages, which makes ${wanted} unsettled; at most ${prefetch}`,
      );
    }
  }

  /** A poll once sent runs to its end; where nobody waits by then, what it brings is kept. */
  #nextUnderFault(faults: Faults, poll: Poll, signal: AbortSignal): Promise<Delivery[]> {
    return new Promise((resolve, reject) => {
      let isAwaited = true;
      const onAbort = (): void => {
        isAwaited = false;
        resolve([]);
      };
      const arrived = (deliveries: Delivery[]): void => {
        if (isAwaited && !this.#stopped) return resolve(deliveries);
        this.#late.push(...deliveries);
        resolve([]);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const outstanding = this.#poll(faults, poll, signal)
        .then(arrived, reject)
        .finally(() => {
          signal.removeEventListener("abort", onAbort);
          this.#outstanding.delete(outstanding);
        });
      this.#outstanding.add(outstanding);
    });
  }

  async #poll(faults: Faults, poll: Poll, signal: AbortSignal): Promise<Delivery[]> {
    const point: FaultPoint = { operation: "receive", queue: this.#queueName, max: poll.max };
    const fault = await faults.before(point);
    return requestUnderFault(fault, point, () => {
      const queue = this.#use();
      return signal.aborted || this.#stopped ? queue.takeNow(poll) : queue.next(poll, signal);
    });
  }

  #takeLate(max: number): Delivery[] {
    const now = this.#context.clock.now();
    return this.#late.splice(0, max).filter(({ leaseUntil }) => leaseUntil > now);
  }

  /** The queue, which may have been dropped and created again since the last poll. */
  #use(): MemoryQueue {
    if (this.#queue === undefined || this.#queue.ended !== undefined) {
      this.#queue = this.#context.registry.use(this.#queueName);
    }
    return this.#queue;
  }

  /** The queue that this source has received from. */
  #existing(): MemoryQueue {
    const queue = this.#queue ?? this.#use();
    if (queue.ended !== undefined) throw queue.ended;
    return queue;
  }

  #permanent(problem: string): DriverError {
    return new DriverError("permanent", `A source of queue "${this.#queueName}" ${problem}.`);
  }
}
