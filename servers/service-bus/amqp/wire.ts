import { randomUUID } from "node:crypto";
import type { BrokerMessage, SentMessage } from "../broker/message.ts";
import { refusals } from "../broker/refusal.ts";
import { type Typed, types } from "./rhea.ts";
import { joinMessage, MAX_PROPERTY_BYTES, PROPERTIES, splitMessage } from "./sections.ts";

/**
 * Total size of all properties of a message, 64 KB:
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2025-05-12).
 */
const MAX_HEAD_BYTES = 65_536;
/**
 * Characters of a message id or a session id, from the same page; and of a partition key:
 * https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.servicebusmessage.partitionkey (undated, read
 * 2026-11-29).
 */
const MAX_ID_LENGTH = 128;
const STATES = { active: 0, deferred: 1, scheduled: 2 } as const;

/**
 * Decodes a message from a sender.
 * @throws Refusal if Service Bus would not accept the message
 */
export function readMessage(raw: Buffer, requiresSession: boolean): SentMessage {
  const { decoded, bare, headBytes, largestProperty } = splitMessage(raw);
  if (headBytes > MAX_HEAD_BYTES) throw refusals.tooLarge(headBytes, MAX_HEAD_BYTES);
  if (largestProperty > MAX_PROPERTY_BYTES) throw refusals.tooLarge(largestProperty, MAX_PROPERTY_BYTES);
  if (requiresSession && decoded.group_id === undefined)
    throw refusals.notAllowed("The SessionId was not set on a message, and it cannot be sent to the entity.");
  const annotations = decoded.message_annotations ?? {};
  const id = decoded.message_id;
  // The SDK cannot settle a message without an id, so a missing id is generated.
  const messageId = id === undefined ? randomUUID().replaceAll("-", "") : textOf(id);
  const given = id === undefined ? withId(bare, messageId) : bare;
  const scheduled = annotations["x-opt-scheduled-enqueue-time"];
  const partitionKey = annotations["x-opt-partition-key"];
  assertShort("MessageId", messageId);
  assertShort("SessionId", decoded.group_id);
  assertShort("PartitionKey", partitionKey);
  return {
    bare: given,
    messageId,
    sessionId: decoded.group_id,
    partitionKey: typeof partitionKey === "string" ? partitionKey : undefined,
    ttlMs: decoded.ttl,
    scheduledAt: scheduled === undefined ? undefined : Number(scheduled),
  };
}

function assertShort(field: string, id: unknown): void {
  if (typeof id === "string" && id.length > MAX_ID_LENGTH)
    throw refusals.badArgument(`${field} has ${id.length} characters; at most ${MAX_ID_LENGTH} are allowed.`);
}

/** Encodes a message for a receiver. */
export function writeMessage(message: BrokerMessage): Buffer {
  const { sequence, enqueueSequence, enqueuedAt, scheduledAt, partitionKey, lock, state, ttlMs } = message;
  const annotations: Record<string, Typed> = {
    "x-opt-sequence-number": types.wrap_long(sequence),
    "x-opt-enqueue-sequence-number": types.wrap_long(enqueueSequence),
    "x-opt-enqueued-time": types.wrap_timestamp(enqueuedAt),
    "x-opt-message-state": types.wrap_int(STATES[state]),
  };
  if (lock !== undefined) annotations["x-opt-locked-until"] = types.wrap_timestamp(lock.until);
  if (scheduledAt !== undefined)
    annotations["x-opt-scheduled-enqueue-time"] = types.wrap_timestamp(scheduledAt);
  if (partitionKey !== undefined) annotations["x-opt-partition-key"] = types.wrap_string(partitionKey);
  return joinMessage({ deliveryCount: message.deliveryCount, ttlMs, annotations }, message.bare);
}

/** The delivery tag for a lock token: the bytes of a .NET Guid, which reverses the bytes of the first three groups. */
export function tagOf(token: string): Buffer {
  return swapped(Buffer.from(token.replaceAll("-", ""), "hex"));
}

/** The lock token of a delivery tag. */
export function tokenOf(tag: Buffer | string): string {
  return uuidText(swapped(Buffer.from(tag as Buffer)));
}

export function uuidText(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

/** The value of a long. rhea decodes a small long to a number, and a large one to its bytes. */
export function longOf(value: unknown): number {
  return Buffer.isBuffer(value) ? Number(value.readBigInt64BE()) : Number(value);
}

function swapped(bytes: Buffer): Buffer {
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

function textOf(id: unknown): string {
  return Buffer.isBuffer(id) ? id.toString("hex") : String(id);
}

/** Sets the message id in the properties section, which may be missing. */
function withId(bare: Buffer, messageId: string): Buffer {
  const reader = new types.Reader(bare);
  const first = bare.length === 0 ? undefined : reader.read();
  const hasProperties = first?.descriptor !== undefined && Number(first.descriptor.value) === PROPERTIES;
  const fields = hasProperties ? [...(first.value as Typed[])] : [];
  fields[0] = types.wrap_string(messageId);
  const writer = new types.Writer();
  writer.write(types.described(types.wrap_ulong(PROPERTIES), types.wrap_list(fields)));
  return Buffer.concat([writer.toBuffer(), hasProperties ? bare.subarray(reader.position) : bare]);
}
