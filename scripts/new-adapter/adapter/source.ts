import {
  type Clock,
  type Delivery,
  type OpenOptions,
  pollingSource,
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

/** Creates the source of one queue: polls, and the settlement of their messages. */
export function templateSource(options: TemplateSourceOptions): Source {
  const { connection, name, leaseMs, waitMs, clock } = options;
  const claim = async (max: number, ms: number, signal: AbortSignal): Promise<Delivery[]> => {
    const received = await connection.request(
      `receive from queue "${name}"`,
      (client) => client.receive(name, { max, leaseMs, waitMs: ms, signal }),
      ms,
    );
    return received.map(deliveryOf);
  };
  return pollingSource({
    claim,
    settle: (operations) => settleBatch(connection, name, operations),
    // TODO: If the server cannot wait for messages, `receive` leases those that are ready, and this waits for the next
    // look: wait: (ms, signal) => sleep(clock, Math.min(ms, 1_000), signal). A notification of the server calls `wake` of
    // the source.
    waitMs,
    clock,
  });
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
