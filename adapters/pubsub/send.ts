import type { protos } from "@google-cloud/pubsub";
import { DriverError, type Outgoing, type SendResult } from "../../src/driver/index.ts";
import { type Clients, once, REQUEST_TIMEOUT_MS } from "./clients.ts";
import { driverError } from "./errors.ts";
import { MAX_ATTRIBUTE_NAME_BYTES, MAX_ORDERING_KEY_BYTES, RESERVED_ATTRIBUTE_PREFIX } from "./limits.ts";

/** The slowest connection on which the largest request is still sent in time: about 4 Mbit/s. */
const LEAST_BYTES_PER_MS = 500;

type PubsubMessage = protos.google.pubsub.v1.IPubsubMessage;

/**
 * Publishes messages: one request for all messages without an ordering key, and one for each key, in parallel. A request
 * can hold only one key. A request that fails, fails only for its messages. A message that the service would refuse is
 * left out and fails alone.
 */
export async function publish(
  clients: Clients,
  topic: string,
  ordered: boolean,
  messages: readonly Outgoing[],
): Promise<SendResult[]> {
  const results: SendResult[] = [];
  const requests = new Map<string, number[]>();
  for (const [index, message] of messages.entries()) {
    const key = ordered
      ? (message.orderingKey ?? "")
      : typeof message.native === "string"
        ? message.native
        : "";
    const problem = problemOf(message, key);
    if (problem !== undefined) {
      results[index] = { ok: false, error: new DriverError("permanent", problem) };
      continue;
    }
    const indexes = requests.get(key);
    if (indexes === undefined) requests.set(key, [index]);
    else indexes.push(index);
  }
  await Promise.all(
    Array.from(requests, async ([key, indexes]) => {
      const batch = indexes.map((index) => messageOf(messages[index] as Outgoing, key));
      const outcomes = await request(clients, topic, batch);
      for (const [at, index] of indexes.entries()) results[index] = outcomes[at] as SendResult;
    }),
  );
  return results;
}

async function request(clients: Clients, topic: string, messages: PubsubMessage[]): Promise<SendResult[]> {
  try {
    const [{ messageIds }] = await clients.answer(
      clients.publisher.publish({ topic, messages }, once(timeoutMs(messages))),
    );
    return messages.map((_, index): SendResult => {
      const brokerId = messageIds?.[index];
      if (brokerId !== undefined) return { ok: true, brokerId };
      const error = new DriverError(
        "ambiguous",
        "pubsub.topics.publish: the answer did not mention this message",
      );
      return { ok: false, error };
    });
  } catch (cause) {
    const error = driverError(cause, "pubsub.topics.publish");
    return messages.map((): SendResult => ({ ok: false, error }));
  }
}

/** A message whose body no longer belongs to the caller. */
export function keptOf(message: Outgoing): Outgoing {
  const { body } = message;
  return typeof body === "string" ? message : { ...message, body: new Uint8Array(body) };
}

function timeoutMs(messages: readonly PubsubMessage[]): number {
  const bytes = messages.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  return REQUEST_TIMEOUT_MS + bytes / LEAST_BYTES_PER_MS;
}

function messageOf({ body, attributes }: Outgoing, orderingKey: string): PubsubMessage {
  const data = typeof body === "string" ? Buffer.from(body) : body;
  return orderingKey === "" ? { data, attributes } : { data, attributes, orderingKey };
}

/** The reason for which the service would refuse a message, and the whole request with it. Undefined if there is none. */
function problemOf({ body, attributes, delayMs }: Outgoing, key: string): string | undefined {
  if (delayMs > 0) return "Pub/Sub cannot delay a message.";
  const names = Object.keys(attributes);
  if (body.length === 0 && names.length === 0)
    return "Pub/Sub refuses a message that has neither a body nor attributes.";
  for (const name of names) {
    if (name === "") return "Pub/Sub refuses an attribute without a name.";
    if (Buffer.byteLength(name) > MAX_ATTRIBUTE_NAME_BYTES)
      return `The name of an attribute has at most ${MAX_ATTRIBUTE_NAME_BYTES} bytes; got "${name.slice(0, 60)}…".`;
    if (name.startsWith(RESERVED_ATTRIBUTE_PREFIX))
      return `Names of attributes that start with "${RESERVED_ATTRIBUTE_PREFIX}" are Google's; got "${name}".`;
  }
  if (Buffer.byteLength(key) > MAX_ORDERING_KEY_BYTES)
    return `An ordering key has at most ${MAX_ORDERING_KEY_BYTES} bytes.`;
  return undefined;
}
