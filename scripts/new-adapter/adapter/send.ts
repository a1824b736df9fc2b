import { DriverError, type Outgoing, type SendResult } from "../../../src/driver/index.ts";
import type { Connection, StoredEntry } from "./clients.ts";

/** Sends messages by one request. TODO: A message that the provider would refuse is left out and fails alone. */
export async function sendBatch(
  connection: Connection,
  name: string,
  messages: readonly Outgoing[],
): Promise<SendResult[]> {
  // Built before the first `await`: the array belongs to the caller again as soon as `send` has returned its promise.
  const entries = messages.map(entryOf);
  const ids = await connection.request(`send to queue "${name}"`, (client) => client.send(name, entries));
  return messages.map((_, index): SendResult => {
    const brokerId = ids[index];
    if (brokerId !== undefined) return { ok: true, brokerId };
    const error = new DriverError("ambiguous", `Queue "${name}": the answer does not mention this message.`);
    return { ok: false, error };
  });
}

function entryOf({ body, attributes, delayMs, orderingKey }: Outgoing): StoredEntry {
  return { body, attributes, delayMs, orderingKey };
}
