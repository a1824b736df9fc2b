import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type BackoffOptions, checkBackoff } from "../backoff.ts";
import { defaults } from "../defaults.ts";
import { QueueError } from "../errors.ts";
import { newId } from "../lib/ids.ts";
import { show } from "../lib/text.ts";

/** String pairs that travel with a message, in its body: no provider's attribute limit applies to them. */
export type Headers = Readonly<Record<string, string>>;

/** W3C trace context. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** A job as a handler sees it. */
export interface Message<Payload = unknown> {
  /** A UUIDv7, unless the sender chose another. It stays the same across retries, delays and redrives. */
  readonly id: string;
  readonly type: string;
  /** Any JSON value. */
  readonly payload: Payload;
  readonly headers: Headers;
  /** Runs that may fail before the job is dead-lettered. */
  readonly maxAttempts: number;
  readonly createdAt: Date;
  /** When the job was due, for one that was sent with a delay. */
  readonly scheduledAt?: Date | undefined;
  /** This message's own backoff, over the job definition's and the queue's. */
  readonly backoff?: BackoffOptions | undefined;
  readonly trace?: TraceContext | undefined;
  readonly orderingKey?: string | undefined;
}

/** A job to send. */
export interface NewMessage<Payload = unknown> {
  /** What selects the handler: 1 to 256 bytes, without control characters. */
  readonly type: string;
  /** Any JSON value. */
  readonly payload: Payload;
  /** @default a UUIDv7 */
  readonly id?: string | undefined;
  readonly headers?: Headers | undefined;
  /** @default 5 */
  readonly maxAttempts?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** Messages with the same key are handled in order, on a queue that orders. */
  readonly orderingKey?: string | undefined;
  /** A repeated id is sent once, on a queue that deduplicates. */
  readonly dedupId?: string | undefined;
  readonly trace?: TraceContext | undefined;
  /** Validates the payload before it is sent; set by a job definition. */
  readonly schema?: StandardSchemaV1<Payload> | undefined;
}

const MAX_TYPE_BYTES = 256;
/** The tightest limit of the three clouds on a message id (Service Bus `messageId`). */
const MAX_ID_LENGTH = 128;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

function refuse(code: "invalid_message" | "invalid_headers", sentence: string): never {
  throw new QueueError(code, sentence);
}

function checkText(value: unknown, field: string, max: number): asserts value is string {
  if (typeof value !== "string" || value === "")
    refuse("invalid_message", `The ${field} of a message is a non-empty string; got ${show(value)}.`);
  if (value.length > max || Buffer.byteLength(value) > max)
    refuse("invalid_message", `The ${field} of a message has at most ${max} bytes; shorten ${show(value)}.`);
  if (CONTROL.test(value))
    refuse("invalid_message", `The ${field} of a message has no control characters; got ${show(value)}.`);
  // Half of a surrogate pair has no bytes of its own: it would become another character on its way.
  if (!value.isWellFormed())
    refuse("invalid_message", `The ${field} of a message is well-formed Unicode; got ${show(value)}.`);
}

function checkHeaders(headers: unknown): asserts headers is Headers {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    refuse("invalid_headers", `headers must be an object of strings; got ${show(headers)}.`);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (name === "") refuse("invalid_headers", "A header needs a non-empty name.");
    if (typeof value !== "string") {
      refuse(
        "invalid_headers",
        `The header ${show(name)} must be a string; got ${typeof value}. Convert it before sending.`,
      );
    }
  }
}

/** Few types make up most of what is sent: the last one that passed its check. */
let soundType: string | undefined;

const NO_HEADERS: Headers = Object.freeze({});

/**
 * Checks a new message and completes it with an id, the time and the defaults.
 * The payload's own checks are {@link encode}'s, which has to walk it anyway.
 */
export function completeMessage<P>(input: NewMessage<P>, now: number, scheduledAt?: number): Message<P> {
  if (typeof input !== "object" || input === null)
    refuse("invalid_message", `A message is an object with type and payload; got ${show(input)}.`);
  const {
    type,
    id,
    headers,
    maxAttempts = defaults.maxAttempts,
    backoff,
    orderingKey,
    dedupId,
    trace,
  } = input;
  if (typeof type !== "string" || type !== soundType) {
    checkText(type, "type", MAX_TYPE_BYTES);
    soundType = type;
  }
  if (id !== undefined) checkText(id, "id", MAX_ID_LENGTH);
  if (headers !== undefined) checkHeaders(headers);
  if (!Number.isSafeInteger(maxAttempts) || maxAttempts < 1) {
    refuse("invalid_message", `maxAttempts must be a whole number, 1 or more; got ${show(maxAttempts)}.`);
  }
  if (backoff !== undefined) checkBackoff(backoff, `message of type ${show(type)}`);
  if (orderingKey !== undefined) checkText(orderingKey, "orderingKey", MAX_ID_LENGTH);
  if (dedupId !== undefined) checkText(dedupId, "dedupId", MAX_ID_LENGTH);
  if (trace !== undefined) checkText(trace.traceparent, "trace.traceparent", MAX_TYPE_BYTES);
  if (trace?.tracestate !== undefined) checkText(trace.tracestate, "trace.tracestate", 512);
  return {
    id: id ?? newId(now),
    type,
    payload: input.payload,
    headers: headers ?? NO_HEADERS,
    maxAttempts,
    createdAt: new Date(now),
    scheduledAt: scheduledAt === undefined ? undefined : new Date(scheduledAt),
    backoff,
    trace,
    orderingKey,
  };
}

/**
 * The message with what a schema made of its payload. It is the same one: a message that was received is in nobody
 * else's hands, and a copy would stay in memory beside it for as long as its handler runs.
 */
export function withPayload(message: Message, payload: unknown): Message {
  (message as { payload: unknown }).payload = payload;
  return message;
}
