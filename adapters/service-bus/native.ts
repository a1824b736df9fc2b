import type { ServiceBusMessage, ServiceBusReceivedMessage } from "@azure/service-bus";
import type { Attributes } from "../../src/driver/index.ts";

/** The content type of every message that queueport sends first. */
export const CONTENT_TYPE = "application/json";
/**
 * Largest time to live that a message states, an unsigned 32-bit number of milliseconds:
 * https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html#type-header (2026-11).
 */
const MAX_TTL_MS = 0xffff_ffff;

type Property = NonNullable<ServiceBusMessage["applicationProperties"]>[string];

/** The fields of a message that another program may have set, and that mean the same on a copy. */
const FIELDS = ["subject", "to", "replyTo", "replyToSessionId", "correlationId", "contentType"] as const;

/** The part of a message that {@link Delivery.body} and the attributes do not carry. A copy takes it back. */
export interface NativePart {
  readonly fields: Partial<Pick<ServiceBusMessage, (typeof FIELDS)[number]>>;
  /** Only if the message has no session: with one, the partition key equals its id. */
  readonly partitionKey: string | undefined;
  /** The properties that are numbers, booleans, dates or null, by name. */
  readonly properties: Readonly<Record<string, Property>> | undefined;
  /** The end of the time to live, in epoch milliseconds. */
  readonly expiresAt: number | undefined;
  /** The time to live from the enqueueing of the copy; undefined if `expiresAt` counts. */
  readonly ttlMs: number | undefined;
}

/**
 * Returns the native part of a message; undefined if it has none, as the messages of queueport on a queue without a time
 * to live.
 *
 * @param isDeadLetter a dead letter does not expire. The time to live of its copy starts anew
 */
export function nativeOf(message: ServiceBusReceivedMessage, isDeadLetter: boolean): NativePart | undefined {
  const { partitionKey, sessionId, timeToLive = Number.POSITIVE_INFINITY, enqueuedTimeUtc } = message;
  const expires = timeToLive > 0 && timeToLive < MAX_TTL_MS;
  const properties = typedProperties(message);
  const fields: Record<string, unknown> = {};
  let isForeign =
    expires || properties !== undefined || (partitionKey !== undefined && sessionId === undefined);
  for (const name of FIELDS) {
    const value = message[name];
    if (value === undefined || value === null) continue;
    fields[name] = value;
    if (name !== "contentType" || value !== CONTENT_TYPE) isForeign = true;
  }
  if (!isForeign && message.contentType === CONTENT_TYPE) return undefined;
  return {
    fields,
    partitionKey: sessionId === undefined ? partitionKey : undefined,
    properties,
    expiresAt:
      expires && !isDeadLetter && enqueuedTimeUtc !== undefined
        ? enqueuedTimeUtc.getTime() + timeToLive
        : undefined,
    ttlMs: expires && isDeadLetter ? timeToLive : undefined,
  };
}

/**
 * Puts the native part of the original into a copy.
 *
 * @param message the copy, whose properties are the attributes, as text
 * @param enqueuedAt the time at which the copy is enqueued, in epoch milliseconds
 */
export function restoreNative(
  message: ServiceBusMessage,
  attributes: Attributes,
  native: NativePart,
  enqueuedAt: number,
): void {
  const { fields, partitionKey, properties = {}, expiresAt, ttlMs } = native;
  delete message.contentType;
  Object.assign(message, fields);
  if (partitionKey !== undefined && message.sessionId === undefined) message.partitionKey = partitionKey;
  const restored: Record<string, Property> = { ...message.applicationProperties };
  for (const [name, value] of Object.entries(properties)) {
    // A property that the core has changed is the core's.
    if (value === null ? attributes[name] === undefined : attributes[name] === propertyText(value))
      restored[name] = value;
  }
  message.applicationProperties = restored;
  // At least 1 ms: 0 means that the message never expires.
  if (expiresAt !== undefined) message.timeToLive = Math.max(1, expiresAt - enqueuedAt);
  if (ttlMs !== undefined) message.timeToLive = ttlMs;
}

/** Stands in place of a value that cannot be written as text. */
export const UNWRITABLE = "(an AMQP value that cannot be written as text)";

/** The text of a property, as which it is an attribute. */
export function propertyText(value: unknown): string {
  // AMQP can express times that no `Date` can hold.
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  try {
    return String(value);
  } catch {
    // A list or a map may hold what has no text.
    return UNWRITABLE;
  }
}

function typedProperties({
  applicationProperties = {},
}: ServiceBusReceivedMessage): Record<string, Property> | undefined {
  let typed: Record<string, Property> | undefined;
  for (const name in applicationProperties) {
    const value = applicationProperties[name] as Property;
    // A list or a map may be nested too deeply to be encoded again. A copy has its text.
    if (typeof value === "string") continue;
    if (typeof value === "object" && value !== null && !(value instanceof Date)) continue;
    typed ??= {};
    typed[name] = value;
  }
  return typed;
}
