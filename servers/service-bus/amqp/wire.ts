import { randomUUID } from "node:crypto";
import type { BrokerMessage, SenderAnnotations, SentMessage } from "../broker/message.ts";
import { refusals } from "../broker/refusal.ts";
import { encodeSection, type Typed, types } from "./rhea.ts";
import {
  APPLICATION_PROPERTIES,
  checkMessage,
  HEADER,
  MESSAGE_ANNOTATIONS,
  PROPERTIES,
  type Section,
  sectionOf,
} from "./sections.ts";
import { elementsAt, endOfValue } from "./values.ts";

/**
 * Largest application property, 32 KB, and total size of all properties of a message, 64 KB:
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2025-05-12).
 */
const [MAX_PROPERTY_BYTES, MAX_HEAD_BYTES] = [32_768, 65_536];
/**
 * Characters of a message id or a session id, from the same page; and of a partition key:
 * https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.servicebusmessage.partitionkey (undated, read
 * 2026-11-29).
 */
const MAX_ID_LENGTH = 128;
const STATES = { active: 0, deferred: 1, scheduled: 2 } as const;
/** The latest time that a `Date` can hold. */
const LATEST_MS = 8.64e15;

const SCHEDULED = "x-opt-scheduled-enqueue-time";
const PARTITION_KEY = "x-opt-partition-key";
/** Annotations that the broker writes. Other annotations of the sender are kept. */
const BROKER_ANNOTATIONS: ReadonlySet<string> = new Set([
  "x-opt-sequence-number",
  "x-opt-enqueue-sequence-number",
  "x-opt-enqueued-time",
  "x-opt-locked-until",
  "x-opt-message-state",
  SCHEDULED,
  PARTITION_KEY,
]);
/** Positions of size and count in the annotations section that {@link writeMessage} encodes. */
const [SIZE_AT, COUNT_AT] = [4, 8];

/**
 * Decodes a message from a sender.
 * @throws Refusal if the message is damaged, or Service Bus would not accept it
 */
export function readMessage(raw: Buffer, requiresSession: boolean): SentMessage {
  const sections = checkMessage(raw);
  const bareAt = sections.find(({ code }) => code > MESSAGE_ANNOTATIONS)?.start ?? raw.length;
  const headBytes = sections.reduce(
    (sum, { code, start, end }) => (code <= APPLICATION_PROPERTIES ? sum + end - start : sum),
    0,
  );
  if (headBytes > MAX_HEAD_BYTES) throw refusals.tooLarge(headBytes, MAX_HEAD_BYTES);
  const largestProperty = largestOf(sectionOf(raw, sections, APPLICATION_PROPERTIES));
  if (largestProperty > MAX_PROPERTY_BYTES) throw refusals.tooLarge(largestProperty, MAX_PROPERTY_BYTES);
  const header = fieldsOf(sectionOf(raw, sections, HEADER));
  const properties = fieldsOf(sectionOf(raw, sections, PROPERTIES));
  const sessionId = stringOf(properties[10]);
  if (requiresSession && sessionId === undefined)
    throw refusals.notAllowed("The SessionId was not set on a message, and it cannot be sent to the entity.");
  const id = properties[0]?.value;
  // The SDK cannot settle a message without an id, so a missing id is generated.
  const messageId = id === undefined || id === null ? randomUUID().replaceAll("-", "") : textOf(id);
  const { scheduledAt, partitionKey, annotations } = annotationsOf(raw, sections);
  assertShort("MessageId", messageId);
  assertShort("SessionId", sessionId);
  assertShort("PartitionKey", partitionKey);
  return {
    // A copy, because the bytes belong to what was read from the socket.
    bare:
      id === undefined || id === null ? withId(raw, sections, messageId) : Buffer.from(raw.subarray(bareAt)),
    messageId,
    sessionId,
    partitionKey,
    ttlMs: (header[2]?.value as number | null | undefined) ?? undefined,
    scheduledAt,
    durable: (header[0]?.value as boolean | null | undefined) ?? undefined,
    priority: (header[1]?.value as number | null | undefined) ?? undefined,
    annotations,
  };
}

/** The fields of a section that is a list. A field that was not sent is null or missing. */
function fieldsOf(section: Buffer | undefined): readonly (Typed | undefined)[] {
  return section === undefined ? [] : (new types.Reader(section).read().value as Typed[]);
}

function annotationsOf(
  raw: Buffer,
  sections: readonly Section[],
): Pick<SentMessage, "scheduledAt" | "partitionKey" | "annotations"> {
  const section = sections.find(({ code }) => code === MESSAGE_ANNOTATIONS);
  const elements = section === undefined ? undefined : elementsAt(raw, section.valueAt, section.end);
  let [scheduledAt, partitionKey]: [number | undefined, string | undefined] = [undefined, undefined];
  const kept: Buffer[] = [];
  for (let at = elements?.first ?? 0, left = elements?.count ?? 0; left > 0; left -= 2) {
    const valueAt = endOfValue(raw, at, raw.length, 1);
    const end = endOfValue(raw, valueAt, raw.length, Number.POSITIVE_INFINITY);
    const key = String(new types.Reader(raw.subarray(at, valueAt)).read().value);
    const value = (): unknown => new types.Reader(raw.subarray(valueAt, end)).read().value;
    if (key === SCHEDULED) scheduledAt = timeOf(value());
    else if (key === PARTITION_KEY) partitionKey = stringOf({ value: value() });
    if (!BROKER_ANNOTATIONS.has(key)) kept.push(raw.subarray(at, end));
    at = end;
  }
  const annotations = kept.length === 0 ? undefined : { count: kept.length, pairs: Buffer.concat(kept) };
  return { scheduledAt, partitionKey, annotations };
}

/** Epoch milliseconds of an annotation; `undefined` if it is no time. A time that no `Date` can hold is the latest one. */
function timeOf(value: unknown): number | undefined {
  const time = Number(value);
  return value === null || Number.isNaN(time) ? undefined : Math.min(time, LATEST_MS);
}

function stringOf(field: { readonly value: unknown } | undefined): string | undefined {
  return typeof field?.value === "string" ? field.value : undefined;
}

function largestOf(section: Buffer | undefined): number {
  // No property is larger than the section.
  if (section === undefined || section.length <= MAX_PROPERTY_BYTES) return section?.length ?? 0;
  const keysAndValues = new types.Reader(section).read().value as Typed[];
  let largest = 0;
  for (const { value } of keysAndValues)
    if (typeof value === "string") largest = Math.max(largest, Buffer.byteLength(value));
  return largest;
}

function assertShort(field: string, id: unknown): void {
  if (typeof id === "string" && id.length > MAX_ID_LENGTH)
    throw refusals.badArgument(`${field} has ${id.length} characters; at most ${MAX_ID_LENGTH} are allowed.`);
}

/** Encodes a message for a receiver: the broker's header and annotations, with those of the sender, and the bare message. */
export function writeMessage(message: BrokerMessage): Buffer {
  const { sequence, enqueueSequence, enqueuedAt, scheduledAt, partitionKey, lock, state } = message;
  const annotations: Record<string, Typed> = {
    "x-opt-sequence-number": types.wrap_long(sequence),
    "x-opt-enqueue-sequence-number": types.wrap_long(enqueueSequence),
    "x-opt-enqueued-time": types.wrap_timestamp(enqueuedAt),
    "x-opt-message-state": types.wrap_int(STATES[state]),
  };
  if (lock !== undefined) annotations["x-opt-locked-until"] = types.wrap_timestamp(lock.until);
  if (scheduledAt !== undefined) annotations[SCHEDULED] = types.wrap_timestamp(scheduledAt);
  if (partitionKey !== undefined) annotations[PARTITION_KEY] = types.wrap_string(partitionKey);
  const written = encodeSection(MESSAGE_ANNOTATIONS, types.wrap_symbolic_map(annotations));
  return Buffer.concat([headerOf(message), ...withPairs(written, message.annotations), message.bare]);
}

function headerOf({ durable, priority, ttlMs, deliveryCount }: BrokerMessage): Buffer {
  const fields = [
    durable === undefined ? types.Null() : types.wrap_boolean(durable),
    priority === undefined ? types.Null() : types.wrap_ubyte(priority),
    ttlMs === undefined ? types.Null() : types.wrap_uint(ttlMs),
    types.wrap_boolean(false),
    types.wrap_uint(deliveryCount),
  ];
  return encodeSection(HEADER, types.wrap_list(fields));
}

/** Appends encoded keys and values to an encoded section, which is a map with sizes of four bytes. */
function withPairs(section: Buffer, annotations: SenderAnnotations | undefined): Buffer[] {
  if (annotations === undefined) return [section];
  const { count, pairs } = annotations;
  section.writeUInt32BE(section.readUInt32BE(SIZE_AT) + pairs.length, SIZE_AT);
  section.writeUInt32BE(section.readUInt32BE(COUNT_AT) + 2 * count, COUNT_AT);
  return [section, pairs];
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

/** The bare message with this message id. Its properties section may be missing. */
function withId(raw: Buffer, sections: readonly Section[], messageId: string): Buffer {
  const fields = [...fieldsOf(sectionOf(raw, sections, PROPERTIES))];
  fields[0] = types.wrap_string(messageId);
  const rest = sections.find(({ code }) => code > PROPERTIES)?.start ?? raw.length;
  return Buffer.concat([encodeSection(PROPERTIES, types.wrap_list(fields)), raw.subarray(rest)]);
}
