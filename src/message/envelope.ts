import type { BackoffOptions } from "../backoff.ts";
import type { Attributes, Body, Delivery } from "../driver/contract.ts";
import { describeError, QueueError } from "../errors.ts";
import { optionalMs } from "../lib/duration.ts";
import { isNewest } from "../lib/ids.ts";
import { defaults } from "../defaults.ts";
import { Malformed, readSystemAttributes, type SystemAttributes } from "./system-attributes.ts";
import type { Headers, Message, TraceContext } from "./message.ts";
import { show } from "../lib/text.ts";
import { assertFaithful } from "./payload.ts";

/** A message in the form in which it travels. */
export interface Encoded {
  readonly body: string;
  readonly attributes: Attributes;
}

/** What came out of a delivery: the message and what we noted beside it, or why it cannot be read. */
export type Decoded =
  | { readonly ok: true; readonly message: Message; readonly system: SystemAttributes }
  | { readonly ok: false; readonly problem: string };

/**
 * The wire format: JSON that any language can read, and the attributes that consoles filter by.
 * @throws QueueError `invalid_payload` where the payload is not JSON, or would not come back as it was.
 */
export function encode(message: Message): Encoded {
  return { body: escapeNonCharacters(bodyOf(message)), attributes: attributesOf(message) };
}

/** One for all of a type that have nothing else to note: attributes are never written to. */
let typeAttributes: Attributes = Object.freeze({ type: "" });

function attributesOf({ type, trace }: Message): Attributes {
  if (trace !== undefined) {
    const { traceparent, tracestate } = trace;
    return tracestate === undefined ? { type, traceparent } : { type, traceparent, tracestate };
  }
  if (typeAttributes["type"] !== type) typeAttributes = Object.freeze({ type });
  return typeAttributes;
}

/** Put together around the payload: to have JSON write the whole takes twice as long. */
function bodyOf(message: Message): string {
  const { id, type, maxAttempts, createdAt } = message;
  const before = `{"id":"${isNewest(id) ? id : unquoted(id)}${typePart(type)}`;
  return `${before}${payloadOf(message)}${commonPart(maxAttempts, createdAt)}${rarePart(message)}`;
}

function unquoted(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

let writtenType: string | undefined;
let typeText = "";

/** From the end of the id up to the payload. Few types make up most of what is sent: the last one is kept. */
function typePart(type: string): string {
  if (type !== writtenType) {
    typeText = `","type":"${unquoted(type)}","payload":`;
    writtenType = type;
  }
  return typeText;
}

let writtenAttempts = 0;
let writtenAt = Number.NaN;
let commonText = "";

/** What follows the payload in every message. Many share a millisecond: the last one is kept. */
function commonPart(maxAttempts: number, createdAt: Date): string {
  const at = createdAt.getTime();
  if (at !== writtenAt || maxAttempts !== writtenAttempts) {
    commonText = `,"max_attempts":${maxAttempts},"created_at":"${createdAt.toISOString()}"`;
    writtenAttempts = maxAttempts;
    writtenAt = at;
  }
  return commonText;
}

function payloadOf({ payload, type }: Message): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (cause) {
    const [problem] = describeError(cause).split("\n", 1);
    throw new QueueError(
      "invalid_payload",
      `The payload of ${show(type)} is not JSON: ${problem}. Send plain values; a BigInt as a string.`,
      { cause },
    );
  }
  if (json === undefined) {
    throw new QueueError(
      "invalid_payload",
      `The payload of ${show(type)} is ${typeof payload}, which JSON cannot hold. Send null for "nothing".`,
    );
  }
  // What JSON changes in silence (NaN, a Map) always leaves one of these behind; without them there is nothing to look for.
  if (json.includes("null") || json.includes("{}")) assertFaithful(payload, type);
  return json;
}

/** The fields that few messages have, and the end. */
function rarePart({ headers, scheduledAt, backoff }: Message): string {
  if (scheduledAt === undefined && backoff === undefined && isEmpty(headers)) return "}";
  const rest = JSON.stringify({
    headers: isEmpty(headers) ? undefined : headers,
    scheduled_at: scheduledAt?.toISOString(),
    backoff: backoff === undefined ? undefined : wireBackoff(backoff),
  });
  return `,${rest.slice(1)}`;
}

function isEmpty(headers: Headers): boolean {
  for (const _ in headers) return false;
  return true;
}

function wireBackoff({ baseMs, factor, capMs, jitter }: BackoffOptions): unknown {
  return { base_ms: optionalMs(baseMs), factor, cap_ms: optionalMs(capMs), jitter };
}

/** JSON may hold them as they are; not every provider carries them (SQS takes XML's characters only). */
function escapeNonCharacters(json: string): string {
  if (!json.includes("\ufffe") && !json.includes("\uffff")) return json;
  return json.replaceAll("\ufffe", String.raw`\ufffe`).replaceAll("\uffff", String.raw`\uffff`);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a delivery. Any bytes at all yield a message or a problem; it never throws. */
export function decode(delivery: Delivery, now: number): Decoded {
  try {
    const system = readSystemAttributes(delivery.attributes);
    const json = parse(delivery.body);
    return { ok: true, message: read(json, delivery, now), system };
  } catch (error) {
    // What is not ours to throw is a body that breaks the reader: that message is malformed too.
    return { ok: false, problem: error instanceof Malformed ? error.message : describeError(error) };
  }
}

function parse(body: Body): unknown {
  try {
    return JSON.parse(typeof body === "string" ? body : utf8.decode(body));
  } catch (error) {
    throw new Malformed(`the body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function read(json: unknown, delivery: Delivery, now: number): Message {
  const { attributes } = delivery;
  const attributeType = attributes["type"] ?? attributes["Type"];
  const fields = isFields(json) ? json : undefined;
  const ours =
    fields !== undefined && (typeof fields["type"] === "string" || Object.hasOwn(fields, "payload"));
  const type = (ours ? fields["type"] : undefined) ?? attributeType;
  if (typeof type !== "string" || type === "")
    throw new Malformed("it has no type: neither in the body nor in a type attribute");
  // A body of another make, told apart by its attribute alone, is the payload as a whole.
  const envelope: Fields = ours ? fields : { payload: json };
  return {
    id: readId(envelope["id"], delivery),
    type,
    payload: envelope["payload"] ?? null,
    headers: readHeaders(envelope["headers"]),
    maxAttempts: readMaxAttempts(envelope["max_attempts"]),
    createdAt: readDate(envelope["created_at"], "created_at") ?? new Date(delivery.enqueuedAt ?? now),
    scheduledAt: readDate(envelope["scheduled_at"], "scheduled_at"),
    backoff: readBackoff(envelope["backoff"]),
    trace: readTrace(attributes),
    orderingKey: delivery.orderingKey,
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A message without an id gets one that is the same on every delivery: the broker's. */
function readId(id: unknown, delivery: Delivery): string {
  if (typeof id === "string" && id !== "") return id;
  if (id !== undefined && id !== null) throw new Malformed(`id must be a non-empty string; got ${show(id)}`);
  return delivery.brokerId;
}

const NO_HEADERS: Headers = Object.freeze({});

function readHeaders(headers: unknown): Headers {
  if (headers === undefined || headers === null) return NO_HEADERS;
  if (!isFields(headers)) throw new Malformed("headers must be an object of strings");
  for (const name in headers) {
    if (typeof headers[name] !== "string") throw new Malformed(`the header ${show(name)} is not a string`);
  }
  return headers as Headers;
}

function readMaxAttempts(value: unknown): number {
  if (value === undefined || value === null) return defaults.maxAttempts;
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw new Malformed(`max_attempts must be a whole number, 1 or more; got ${show(value)}`);
  return value as number;
}

/** Many messages share a millisecond: the time that was read last is kept. */
let readText: string | undefined;
let readAt = 0;

function readDate(value: unknown, field: string): Date | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === readText) return new Date(readAt);
  const date = typeof value === "string" ? new Date(value) : undefined;
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new Malformed(`${field} must be an RFC 3339 time; got ${show(value)}`);
  readText = value as string;
  readAt = date.getTime();
  return date;
}

function readBackoff(value: unknown): Message["backoff"] {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) throw new Malformed("backoff must be an object");
  const number = (field: string, least: number): number | undefined => {
    const part = value[field];
    if (part === undefined || part === null) return undefined;
    // JSON has no Infinity, but 1e999 is read as one.
    if (typeof part !== "number" || !Number.isFinite(part) || part < least)
      throw new Malformed(`backoff.${field} must be a finite number, ${least} or more; got ${show(part)}`);
    return part;
  };
  const backoff: Record<string, number | boolean> = {};
  for (const [name, part] of [
    ["baseMs", number("base_ms", 0)],
    ["factor", number("factor", 1)],
    ["capMs", number("cap_ms", 0)],
  ] as const) {
    if (part !== undefined) backoff[name] = part;
  }
  if (typeof value["jitter"] === "boolean") backoff["jitter"] = value["jitter"];
  return backoff;
}

function readTrace(attributes: Attributes): TraceContext | undefined {
  const traceparent = attributes["traceparent"];
  return traceparent === undefined ? undefined : { traceparent, tracestate: attributes["tracestate"] };
}
