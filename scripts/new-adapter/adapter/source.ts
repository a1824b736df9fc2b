import {
  type Clock,
  type Delivery,
  DriverError,
  type OpenOptions,
  type Operation,
  PollRunner,
  type SettleResult,
  type Source,
} from "../../../src/driver/index.ts";
import type { Connection, ReceivedEntry } from "./clients.ts";
import { type Receipt, settleBatch } from "./settle.ts";

export interface TemplateSourceOptions extends OpenOptions {
  readonly connection: Connection;
  /** The name of the queue on the server. */
  readonly name: string;
  readonly waitMs: number;
  readonly clock: Clock;
}

/** Polls of one queue, and the settlement of their messages. */
export class TemplateSource implements Source {
  readonly #options: TemplateSourceOptions;
  readonly #polls: PollRunner;
  #closed = false;

  constructor(options: TemplateSourceOptions) {
    this.#options = options;
    this.#polls = new PollRunner((max, signal) => this.#poll(max, signal), options.clock);
  }

  next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    return this.#polls.next(max, signal);
  }

  async settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    if (this.#closed) throw new DriverError("permanent", "The source is closed.");
    const { connection, name } = this.#options;
    return settleBatch(connection, name, operations);
  }

  stop(): Promise<Delivery[]> {
    return this.#polls.stop();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#polls.close();
    return Promise.resolve();
  }

  async #poll(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const { connection, name, leaseMs, waitMs } = this.#options;
    const received = await connection.request(
      `receive from queue "${name}"`,
      (client) => client.receive(name, { max, leaseMs, waitMs, signal }),
      waitMs,
    );
    return received.map(deliveryOf);
  }
}

function deliveryOf(entry: ReceivedEntry): Delivery {
  const { id, token, body, attributes, deliveries, enqueuedAt, leaseUntil, orderingKey } = entry;
  const receipt: Receipt = { id, token, acked: false };
  return {
    body,
    attributes,
    deliveryCount: deliveries,
    leaseUntil,
    enqueuedAt,
    brokerId: id,
    orderingKey,
    receipt,
  };
}
