import { randomUUID } from "node:crypto";
import type { NewMessage, StoredMessage } from "../broker/message.ts";
import { refusals } from "../broker/refusal.ts";
import { type Typed, types } from "./rhea.ts";
import { joinMessage, MAX_PROPERTY_BYTES, splitMessage } from "./sections.ts";

/** Of all properties of a message together, by the service's quotas. */
const MAX_HEAD_BYTES = 65_536;
/** Of a message id, a session id, a partition key. */
const MAX_ID = 128;
const STATES = { active: 0, deferred: 1, scheduled: 2 } as const;

/** A message as its sender encoded it. @throws Refusal where the service would not take it */
export function readMessage(raw: Buffer, requiresSession: boolean): NewMessage {
  const { decoded, bare, headBytes, largestProperty } = splitMessage(raw);
  if (headBytes > MAX_HEAD_BYTES) throw refusals.tooLarge(headBytes, MAX_HEAD_BYTES);
  if (largestProperty > MAX_PROPERTY_BYTES) throw refusals.tooLarge(largestProperty, MAX_PROPERTY_BYTES);
  if (requiresSession && decoded.group_id === undefined)
    throw refusals.notAllowed("The SessionId was not set on a message, and it cannot be sent to the entity.");
  const annotations = decoded.message_annotations ?? {};
  const id = decoded.message_id;
  // The SDK's lock renewer cannot do without an id: one is given where there is none.
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

function assertShort(what: string, id: unknown): void {
  if (typeof id === "string" && id.length > MAX_ID)
    throw refusals.badArgument(`${what} has ${id.length} characters; at most ${MAX_ID} are allowed.`);
}

/** A message as its receiver gets it. */
export function writeMessage(message: StoredMessage): Buffer {
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

/** A lock token as a delivery tag: the bytes of a .NET Guid, whose first three groups are turned round. */
export function tagOf(token: string): Buffer {
  return swapped(Buffer.from(token.replaceAll("-", ""), "hex"));
}

export function tokenOf(tag: Buffer | string): string {
  return uuidText(swapped(Buffer.from(tag as Buffer)));
}

export function uuidText(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

/** Longs come as numbers, or as their bytes where they are large. */
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

/** Puts a message id into the properties, which may be missing. */
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

const PROPERTIES = 0x73;
