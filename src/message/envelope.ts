import type { BackoffOptions } from "../backoff.ts";
import type { Attributes, Body, Delivery } from "../driver/contract.ts";
import { describeError, QueueError } from "../errors.ts";
import { optionalMs } from "../lib/duration.ts";
import { isNewest } from "../lib/ids.ts";
import { defaults } from "../defaults.ts";
import { decodeInfo } from "./dead-letter-info.ts";
import {
  DEAD_LETTER,
  Malformed,
  readSystemAttributes,
  type SystemAttributes,
  DECIDED,
} from "./system-attributes.ts";
import type { Headers, Message, TraceContext } from "./message.ts";
import { givenKey } from "./own-key.ts";
import { escapeNonCharacters, kindOf, show } from "../lib/text.ts";
import { assertFaithful } from "./payload.ts";

/** A message in its wire format. */
export interface Encoded {
  readonly body: string;
  readonly attributes: Attributes;
}

/** The result of decoding a delivery: the message and its system attributes, or the reason why it cannot be read. */
export type Decoded =
  | { readonly ok: true; readonly message: Message; readonly system: SystemAttributes }
  | { readonly ok: false; readonly problem: string };

/**
 * Encodes a message: a JSON body that any language can read, and attributes by which consoles filter.
 *
 * @throws QueueError `invalid_payload` when the payload is not JSON, or JSON would change it
 */
export function encode(message: Message): Encoded {
  return { body: escapeNonCharacters(bodyOf(message)), attributes: attributesOf(message) };
}

/**
 * The attributes of a message without a trace. Messages of one type share them, since attributes are never modified.
 */
let typeAttributes: Attributes = Object.freeze({ type: "" });

function attributesOf({ type, trace }: Message): Attributes {
  if (trace !== undefined) {
    const { traceparent, tracestate } = trace;
    return tracestate === undefined ? { type, traceparent } : { type, traceparent, tracestate };
  }
  if (typeAttributes["type"] !== type) typeAttributes = Object.freeze({ type });
  return typeAttributes;
}

/** Concatenates the body around the payload. One `JSON.stringify` of the whole message takes twice as long. */
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
  // Each value that JSON changes without an error, such as NaN or a Map, becomes `null` or `{}`. If the JSON has
  // neither, the payload need not be checked.
  if (json.includes("null") || json.includes("{}")) assertFaithful(payload, type);
  return json;
}

/** Returns the fields that few messages have, and the end of the body. */
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

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes a delivery. Never throws: any bytes result in a message or in a problem. */
export function decode(delivery: Delivery, now: number): Decoded {
  try {
    const system = readSystem(delivery.attributes, now);
    const json = parse(delivery.body);
    return { ok: true, message: read(json, delivery, now), system };
  } catch (error) {
    // Another error means that the body breaks the decoder. Such a message is malformed too.
    return { ok: false, problem: error instanceof Malformed ? error.message : describeError(error) };
  }
}

/** Reads the system attributes. A time that cannot have been yet, by a clock that is ahead of this one, is taken for now. */
function readSystem(attributes: Attributes, now: number): SystemAttributes {
  const system = readSystemAttributes(attributes);
  const { unknownSince, decided } = system;
  if (decided !== undefined && decodeInfo({ [DEAD_LETTER]: decided }, new Date(now)).info === undefined)
    throw new Malformed(`the attribute ${DECIDED} must have the format of ${DEAD_LETTER}`);
  return unknownSince !== undefined && unknownSince > now ? { ...system, unknownSince: now } : system;
}

function parse(body: Body): unknown {
  try {
    return JSON.parse(typeof body === "string" ? body : utf8.decode(body));
  } catch (error) {
    throw new Malformed(`the body is not JSON${whereOf(error)}`);
  }
}

/** The place of a mistake, out of the engine's message. The message itself quotes the body, which may be secret. */
function whereOf(error: unknown): string {
  if (!(error instanceof SyntaxError)) return ": its bytes are not UTF-8";
  const [, position] = / in JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(error.message) ?? [];
  return position === undefined ? "" : `: the mistake is at character ${position}`;
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
  // The type is only in the attribute, so another program wrote the body, and the whole body is the payload.
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
    orderingKey: givenKey(delivery.orderingKey),
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the id, or the broker's id if the message has none: that one is the same on every delivery. */
function readId(id: unknown, delivery: Delivery): string {
  if (typeof id === "string" && id !== "") return id;
  if (id !== undefined && id !== null)
    throw new Malformed(`id must be a non-empty string; got ${kindOf(id)}`);
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

function readTrace(attributes: Attributes): TraceContext | undefined {
  const traceparent = attributes["traceparent"];
  return traceparent === undefined ? undefined : { traceparent, tracestate: attributes["tracestate"] };
}
