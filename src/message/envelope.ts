import type { BackoffOptions } from "../backoff.ts";
import type { Attributes, Delivery } from "../driver/contract.ts";
import { describeError, QueueError } from "../errors.ts";
import { optionalMs } from "../lib/duration.ts";
import { isNewest } from "../lib/ids.ts";
import { Malformed } from "./system-attributes.ts";
import { CompleteMessage, type RareFacts } from "./complete-message.ts";
import type { Headers, Message, TraceContext } from "./message.ts";
import { readPriority, readTenant } from "./job-labels.ts";
import { givenKey } from "./own-key.ts";
import { type Fields, isFields } from "./ownership.ts";
import { escapeNonCharacters, kindOf, show } from "../lib/text.ts";
import { checkFaithful } from "./payload.ts";

/** A message in its wire format. */
export interface Encoded {
  readonly body: string;
  readonly attributes: Attributes;
}

/**
 * Encodes a message: a JSON body that any language can read, and attributes by which consoles filter.
 *
 * @throws QueueError `invalid_payload` when the payload is not JSON, or JSON would change it
 */
export function encode(message: Message): Encoded {
  return encodeWith(message, payloadJson(message));
}

/**
 * Encodes a message whose payload is JSON already.
 *
 * @param encoding set if a codec has encoded the payload
 */
export function encodeWith(message: Message, json: string, encoding?: string): Encoded {
  return { body: escapeNonCharacters(bodyOf(message, json, encoding)), attributes: attributesOf(message) };
}

/**
 * The attributes of a message without a trace. Messages of one type share them, since attributes are never modified.
 */
let typeAttributes: Attributes = Object.freeze({ type: "" });

/** The attributes of every message: its type, for consoles and filters, and its trace context. */
export function attributesOf({ type, trace }: Message): Attributes {
  if (trace !== undefined) {
    const { traceparent, tracestate } = trace;
    return tracestate === undefined ? { type, traceparent } : { type, traceparent, tracestate };
  }
  if (typeAttributes["type"] !== type) typeAttributes = Object.freeze({ type });
  return typeAttributes;
}

/** Concatenates the body around the payload. One `JSON.stringify` of the whole message takes twice as long. */
function bodyOf(message: Message, json: string, encoding: string | undefined): string {
  const { id, type, maxAttempts, createdAt } = message;
  const before = `{"id":"${isNewest(id) ? id : unquoted(id)}${typePart(type)}`;
  const encoded = encoding === undefined ? "" : `,"payload_encoding":${JSON.stringify(encoding)}`;
  return `${before}${json}${encoded}${commonPart(maxAttempts, createdAt)}${rarePart(message)}`;
}

function unquoted(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

let writtenType: string | undefined;
let typeText = "";

/**
 * Returns the text from the end of the id to the payload. Cached for the last type: most messages have one of few
 * types.
 */
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

/** Returns the text that follows every payload. Cached for the last time: many messages are sent in one millisecond. */
function commonPart(maxAttempts: number, createdAt: Date): string {
  const at = createdAt.getTime();
  if (at !== writtenAt || maxAttempts !== writtenAttempts) {
    commonText = `,"max_attempts":${maxAttempts},"created_at":"${createdAt.toISOString()}"`;
    writtenAttempts = maxAttempts;
    writtenAt = at;
  }
  return commonText;
}

/**
 * Returns the payload as JSON.
 *
 * @throws QueueError `invalid_payload` when the payload is not JSON, or JSON would change it
 */
export function payloadJson({ payload, type }: Pick<Message, "payload" | "type">): string {
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
  checkFaithful(payload, type, json);
  return json;
}

/** Returns the fields that few messages have, and the end of the body. */
function rarePart({ headers, scheduledAt, backoff, priority, tenant }: Message): string {
  const isPlain = priority === undefined && tenant === undefined;
  if (isPlain && scheduledAt === undefined && backoff === undefined && isEmpty(headers)) return "}";
  const rest = JSON.stringify({
    headers: isEmpty(headers) ? undefined : headers,
    scheduled_at: scheduledAt?.toISOString(),
    backoff: backoff === undefined ? undefined : wireBackoff(backoff),
    priority,
    tenant,
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

/**
 * Reads an envelope. `attributeType` is the type of a body that has none.
 *
 * @param isDated whether an envelope around this one says when the message was created
 */
export function readEnvelope(
  envelope: Fields,
  attributeType: string | undefined,
  delivery: Delivery,
  now: number,
  isDated: boolean,
): CompleteMessage {
  const type = envelope["type"] ?? attributeType;
  if (typeof type !== "string" || type === "")
    throw new Malformed("it has no type: neither in the body nor in a type attribute");
  const createdAt = readDate(envelope["created_at"], "created_at");
  return new CompleteMessage(
    readId(envelope["id"], delivery),
    type,
    envelope["payload"] ?? null,
    readHeaders(envelope["headers"]),
    readMaxAttempts(envelope["max_attempts"]),
    createdAt ?? new Date(delivery.enqueuedAt ?? now),
    readDate(envelope["scheduled_at"], "scheduled_at"),
    readBackoff(envelope["backoff"]),
    readTrace(delivery.attributes),
    givenKey(delivery.orderingKey),
    delivery.attributes,
    readRare(envelope, !isDated && createdAt === undefined),
  );
}

/** Returns undefined for most messages. Values that this version does not know are left out. */
function readRare(envelope: Fields, isUndated: boolean): RareFacts | undefined {
  const encoding = readEncoding(envelope["payload_encoding"]);
  const priority = readPriority(envelope["priority"]);
  const tenant = readTenant(envelope["tenant"]);
  if (!isUndated && encoding === undefined && priority === undefined && tenant === undefined)
    return undefined;
  return { encoding, priority, tenant, isUndated };
}

function readEncoding(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || value === "")
    throw new Malformed("payload_encoding must be a non-empty string");
  return value;
}

/** Returns the id, or the broker's id if the message has none: that one is the same on every delivery. */
export function readId(id: unknown, delivery: Delivery): string {
  if (typeof id === "string" && id !== "") return id;
  if (id !== undefined && id !== null)
    throw new Malformed(`id must be a non-empty string; got ${kindOf(id)}`);
  return delivery.brokerId;
}

const NO_HEADERS: Headers = Object.freeze({});

export function readHeaders(headers: unknown): Headers {
  if (headers === undefined || headers === null) return NO_HEADERS;
  if (!isFields(headers)) throw new Malformed("headers must be an object of strings");
  for (const name in headers) {
    if (typeof headers[name] !== "string") throw new Malformed(`the header ${show(name)} is not a string`);
  }
  return headers as Headers;
}

/** Returns undefined if the message does not say it: then its job definition does. */
export function readMaxAttempts(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw new Malformed(`max_attempts must be a whole number, 1 or more; got ${numberKind(value)}`);
  return value as number;
}

/** The time that was parsed last, since many messages have the same millisecond. */
let readText: string | undefined;
let readAt = 0;

function readDate(value: unknown, field: string): Date | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === readText) return new Date(readAt);
  const date = typeof value === "string" ? new Date(value) : undefined;
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new Malformed(
      `${field} must be an RFC 3339 time; got ${typeof value === "string" ? "another string" : kindOf(value)}`,
    );
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
    // JSON has no Infinity, but JSON.parse reads 1e999 as Infinity.
    if (typeof part !== "number" || !Number.isFinite(part) || part < least)
      throw new Malformed(
        `backoff.${field} must be a finite number, ${least} or more; got ${numberKind(part)}`,
      );
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

function numberKind(value: unknown): string {
  return typeof value === "number" && Number.isFinite(value) ? "another number" : kindOf(value);
}

export function readTrace(attributes: Attributes): TraceContext | undefined {
  const traceparent = attributes["traceparent"];
  return traceparent === undefined ? undefined : { traceparent, tracestate: attributes["tracestate"] };
}
