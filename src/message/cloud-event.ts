import type { DecodedMessage } from "./decoder.ts";
import { readPriority, readTenant } from "./job-labels.ts";
import { type Fields, isFields } from "./ownership.ts";
import { Malformed } from "./system-attributes.ts";

/**
 * Extension attributes of a CloudEvent that carry what the specification has no place for. Names of extensions have
 * lower-case letters and digits only: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md (2026-11)
 */
export const EXTENSIONS = {
  maxAttempts: "qpmaxattempts",
  headers: "qpheaders",
  scheduledAt: "qpscheduledat",
  backoff: "qpbackoff",
  priority: "qppriority",
  tenant: "qptenant",
} as const;

const READ_ELSEWHERE: ReadonlySet<string> = new Set([
  "specversion",
  "id",
  "type",
  "data",
  "data_base64",
  "traceparent",
  "tracestate",
  ...Object.values(EXTENSIONS),
]);

/** Returns whether a body is a CloudEvent in structured mode: no other format has a `specversion`. */
export function isCloudEvent(fields: Fields): boolean {
  return Object.hasOwn(fields, "specversion");
}

/**
 * Reads a CloudEvent in structured mode, version 1.0:
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md (2026-11)
 *
 * @throws Malformed when it is none
 */
export function readCloudEvent(fields: Fields): DecodedMessage {
  const hasText = Object.hasOwn(fields, "data");
  if (!Object.hasOwn(fields, "data_base64"))
    return cloudEvent(fields, hasText ? (fields["data"] ?? null) : null);
  if (hasText) throw new Malformed("the CloudEvent has data and data_base64; it may have one of them");
  const base64 = fields["data_base64"];
  if (base64 === null) return cloudEvent(fields, null);
  if (typeof base64 !== "string") throw new Malformed("data_base64 of the CloudEvent must be a string");
  if (!BASE64.test(base64)) throw new Malformed("data_base64 of the CloudEvent is not base64");
  return cloudEvent(fields, dataOf(Buffer.from(base64, "base64"), fields["datacontenttype"]));
}

/** Both alphabets, with line breaks. Node's decoder leaves out all other characters, and so would change the data. */
const BASE64 = /^[\w+/\s-]*={0,2}\s*$/;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Returns the data of a CloudEvent from its bytes, as its content type says: the value of JSON, which is the default; the
 * text of `text/…`; and base64 of everything else.
 *
 * @throws Malformed when the bytes are not what the content type says
 */
export function dataOf(bytes: Uint8Array, contentType: unknown): unknown {
  const type = typeof contentType === "string" ? contentType.toLowerCase() : "application/json";
  const isJson = isJsonType(type);
  if (!isJson && !type.startsWith("text/")) return Buffer.from(bytes).toString("base64");
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Malformed("the data of the CloudEvent is not UTF-8, as its content type says");
  }
  if (!isJson) return text;
  if (text === "") return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Malformed("the data of the CloudEvent is not JSON, as its content type says");
  }
}

/** Whether a content type is that of JSON: `application/json`, or ends with `+json`. */
export function isJsonType(contentType: string): boolean {
  return /^[^;]*[/+]json\s*(;|$)/i.test(contentType);
}

/**
 * Builds the message of a CloudEvent. Its other context attributes become headers that begin with `ce-`, as in HTTP.
 *
 * @throws Malformed when an attribute is wrong
 */
export function cloudEvent(context: Fields, payload: unknown): DecodedMessage {
  const { specversion, type, id, time } = context;
  if (typeof specversion !== "string" || !/^1(\.|$)/.test(specversion))
    throw new Malformed("the CloudEvent has another specversion than 1.0, which alone can be read");
  if (typeof type !== "string" || type === "") throw new Malformed("the CloudEvent has no type");
  if (id !== undefined && (typeof id !== "string" || id === ""))
    throw new Malformed("the id of the CloudEvent must be a non-empty string");
  const { traceparent, tracestate } = context;
  return {
    type,
    payload,
    id,
    headers: headersOf(context),
    maxAttempts: numberOf(context[EXTENSIONS.maxAttempts]),
    createdAt: dateOf(time, "time"),
    scheduledAt: dateOf(context[EXTENSIONS.scheduledAt], EXTENSIONS.scheduledAt),
    backoff: objectOf(context, EXTENSIONS.backoff),
    priority: readPriority(context[EXTENSIONS.priority]),
    tenant: readTenant(context[EXTENSIONS.tenant]),
    trace:
      typeof traceparent === "string"
        ? { traceparent, tracestate: typeof tracestate === "string" ? tracestate : undefined }
        : undefined,
  };
}

function headersOf(context: Fields): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(context)) {
    if (READ_ELSEWHERE.has(name) || value === null || value === undefined) continue;
    headers[`ce-${name}`] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return { ...headers, ...objectOf(context, EXTENSIONS.headers) };
}

/** Binary mode carries a number as text. */
function numberOf(value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : Number(value);
}

function dateOf(value: unknown, name: string): Date | undefined {
  if (value === undefined || value === null) return undefined;
  const date = typeof value === "string" ? new Date(value) : undefined;
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new Malformed(`${name} of the CloudEvent must be an RFC 3339 time`);
  return date;
}

/** An object that travels as JSON in a string, since an extension attribute cannot be an object. */
function objectOf(context: Fields, name: string): Record<string, never> | undefined {
  const text = context[name];
  if (text === undefined || text === null) return undefined;
  try {
    const value: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
    if (isFields(value)) return value as Record<string, never>;
  } catch {
    // Reported below.
  }
  throw new Malformed(`${name} of the CloudEvent must be a JSON object in a string`);
}
