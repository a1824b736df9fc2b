import { DriverError, type Outgoing, type SendResult } from "../../../src/driver/index.ts";
import type { Connection, StoredEntry } from "./clients.ts";

/** Sends messages by one request. TODO: A message that the provider would refuse is left out and fails alone. */
export async function sendBatch(
  connection: Connection,
  name: string,
  messages: readonly Outgoing[],
): Promise<SendResult[]> {
  // Copied before the first `await`: the array and a body of bytes belong to the caller again once the call has returned.
  const entries = messages.map(entryOf);
  const ids = await connection.request(`send to queue "${name}"`, (client) => client.send(name, entries));
  return entries.map((_, index): SendResult => {
    const brokerId = ids[index];
    if (brokerId !== undefined) return { ok: true, brokerId };
    const error = new DriverError("ambiguous", `Queue "${name}": the answer does not mention this message.`);
    return { ok: false, error };
  });
}

function entryOf({ body, attributes, delayMs, orderingKey }: Outgoing): StoredEntry {
  return {
    body: typeof body === "string" ? body : new Uint8Array(body),
    attributes,
    delayMs,
    orderingKey,
  };
}
