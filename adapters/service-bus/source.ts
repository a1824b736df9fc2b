import {
  type Clock,
  type Delivery,
  DriverError,
  type OpenOptions,
  type Operation,
  rejectOnAbort,
  type SettleResult,
  type Source,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { DeliveryBuffer } from "./delivery-buffer.ts";
import type { Description } from "./descriptions.ts";
import type { Feed } from "./feed.ts";
import type { Entity } from "./names.ts";
import { PendingSettlements } from "./pending-settlements.ts";
import { QueueFeed } from "./queue-feed.ts";
import { SessionFeed } from "./session-feed.ts";
import { SettleSerializer } from "./settle-serializer.ts";
import { settleAll, type SettleContext } from "./settle.ts";

export interface ServiceBusSourceOptions extends OpenOptions {
  readonly clients: Clients;
  readonly entity: Entity;
  readonly describe: () => Promise<Description>;
  readonly waitMs: number;
  readonly clock: Clock;
  readonly onClose: (source: ServiceBusSource) => void;
}

/** Shortest time for which a poll waits for its link to open. */
const OPENING_MS = 10_000;

/** Receives the messages of one queue, or of one dead-letter sub-queue, and settles them. */
export class ServiceBusSource implements Source {
  readonly #options: ServiceBusSourceOptions;
  readonly #buffer: DeliveryBuffer;
  readonly #settleContext: SettleContext;
  #feed: Feed | undefined;
  #isStopped = false;
  #isClosed = false;

  constructor(options: ServiceBusSourceOptions) {
    this.#options = options;
    const { clock } = options;
    this.#buffer = new DeliveryBuffer(clock);
    this.#settleContext = {
      clock,
      serializer: new SettleSerializer(),
      pending: new PendingSettlements(clock),
    };
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    if (this.#isClosed) throw closedError();
    if (this.#isStopped || signal.aborted) return [];
    const feed = this.#feed ?? (await this.#openUnless(signal));
    if (feed === undefined || this.#isStopped) return [];
    const { clock, waitMs, entity } = this.#options;
    const until = clock.monotonic() + Math.max(waitMs, OPENING_MS);
    for (;;) {
      // Messages that were requested before may still arrive, locked, so earlier requests count.
      feed.want(Math.max(0, max - this.#buffer.size));
      const deliveries = await this.#buffer.take(max, waitMs, signal);
      // An empty answer says that the queue was silent, which only an open link can tell.
      if (deliveries.length > 0 || feed.isOpen || signal.aborted || this.#isStopped) return deliveries;
      if (clock.monotonic() >= until)
        throw new DriverError("transient", `The link to ${entity.name} has not opened yet.`);
    }
  }

  settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    if (this.#isClosed) return Promise.reject(closedError());
    return settleAll(operations, this.#settleContext);
  }

  async stop(): Promise<Delivery[]> {
    this.#isStopped = true;
    this.#buffer.end();
    await this.#feed?.stop();
    return this.#buffer.drain();
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    this.#isClosed = true;
    this.#buffer.end();
    this.#options.onClose(this);
    await this.#feed?.close();
  }

  /** Opens the feed. Resolves with `undefined` as soon as `signal` aborts; the opening goes on. */
  async #openUnless(signal: AbortSignal): Promise<Feed | undefined> {
    try {
      return await rejectOnAbort(this.#open(), signal, () => signal.reason);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  /** Opens the feed, once it is known whether the queue requires sessions. */
  async #open(): Promise<Feed> {
    const { clients, entity, describe, clock } = this.#options;
    const { sessions, lockMs, isLockKnown } = await describe();
    if (this.#feed !== undefined) return this.#feed;
    const bySession = sessions && !entity.isDeadLetters;
    const options = {
      client: bySession ? clients.sessions() : clients.messages,
      entity,
      buffer: this.#buffer,
      lock: { ms: lockMs, isKnown: isLockKnown },
      clock,
    };
    this.#feed = bySession ? new SessionFeed(options) : new QueueFeed(options);
    return this.#feed;
  }
}

function closedError(): DriverError {
  return new DriverError("permanent", "The source is closed.");
}
