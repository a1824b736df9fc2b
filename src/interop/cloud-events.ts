import {
  cloudEvent,
  dataOf,
  EXTENSIONS,
  isCloudEvent,
  isJsonType,
  readCloudEvent,
} from "../message/cloud-event.ts";
import type { Decoder, DecodedMessage, RawMessage } from "../message/decoder.ts";
import type { Encoder } from "../message/encoder.ts";
import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";
import type { Message } from "../message/message.ts";
import { type Fields, isFields } from "../message/ownership.ts";
import { type EventOptions, typeOf } from "./event.ts";

/** The context attributes of a CloudEvent. */
export type CloudEventContext = Readonly<Record<string, unknown>> & { readonly type: string };

/**
 * The text before the names of context attributes in binary mode: on Pub/Sub and SQS, on AMQP, on AMQP by clients that
 * allow no colon, on Kafka.
 *
 * https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md and
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md (2026-11)
 */
const PREFIXES: readonly string[] = ["ce-", "cloudEvents:", "cloudEvents_", "ce_"];

/**
 * Reads CloudEvents 1.0 in both modes: structured, in which the body is the event, and binary, in which the body is the data
 * and attributes are the context. Structured events are read without this decoder too. The job type is the `type`, the
 * payload is the data; the other context attributes are headers that begin with `ce-`.
 *
 * Data of a `text/…` content type is a string. Data that is neither JSON nor text is a string in base64.
 */
export function cloudEvents({ type }: EventOptions<CloudEventContext> = {}): Decoder {
  return (raw) => {
    const { json } = raw;
    const context = binaryContext(raw);
    if (context !== undefined) return withType(cloudEvent(context, binaryData(raw, context)), type, context);
    if (!isFields(json) || !isCloudEvent(json) || Object.hasOwn(json, "payload")) return undefined;
    return withType(readCloudEvent(json), type, json);
  };
}

function withType(
  message: DecodedMessage,
  type: EventOptions<CloudEventContext>["type"],
  context: Fields,
): DecodedMessage {
  return { ...message, type: typeOf(type, context as CloudEventContext, message.type) };
}

/** The context attributes of an event in binary mode; undefined if the message is none. */
function binaryContext({ attributes }: RawMessage): Fields | undefined {
  const prefix = PREFIXES.find((one) => attributes[`${one}specversion`] !== undefined);
  if (prefix === undefined) return undefined;
  const context: Record<string, unknown> = {
    datacontenttype: attributes["content-type"] ?? attributes["Content-Type"],
  };
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith(prefix)) context[name.slice(prefix.length)] = value;
  return context;
}

function binaryData({ json, body }: RawMessage, { datacontenttype }: Fields): unknown {
  // Parsed already, by the parser of the queue.
  const isJson = typeof datacontenttype !== "string" || isJsonType(datacontenttype);
  if (isJson && json !== undefined) return json;
  return dataOf(typeof body === "string" ? Buffer.from(body) : body, datacontenttype);
}

export interface EncodeCloudEventsOptions {
  /** The `source` of the events: a URI reference of the service that sends, such as `/orders`. */
  readonly source: string;
}

/**
 * Writes messages as CloudEvents 1.0 in structured mode, for queues that others read as well. Fields that CloudEvents has no
 * place for travel in extension attributes that begin with `qp`, so that a worker of queueport reads the message as it was
 * sent. The trace context travels in the extensions `traceparent` and `tracestate` too.
 *
 * @throws QueueError `invalid_options` when there is no source
 *
 * @example
 * const queue = createQueue(pubsub(), { encode: encodeCloudEvents({ source: "/orders" }) });
 */
export function encodeCloudEvents({ source }: EncodeCloudEventsOptions): Encoder {
  if (typeof source !== "string" || source === "")
    throw new QueueError(
      "invalid_options",
      `encodeCloudEvents needs a source, such as "/orders"; got ${show(source)}.`,
    );
  return (message, payloadJson) => {
    const context = JSON.stringify({ specversion: "1.0", source, ...contextOf(message) });
    return {
      body: `${context.slice(0, -1)},"data":${payloadJson}}`,
      attributes: { "content-type": "application/cloudevents+json; charset=utf-8" },
    };
  };
}

function contextOf({
  id,
  type,
  createdAt,
  headers,
  maxAttempts,
  scheduledAt,
  backoff,
  trace,
  priority,
  tenant,
}: Message): object {
  return {
    id,
    type,
    time: createdAt.toISOString(),
    datacontenttype: "application/json",
    [EXTENSIONS.maxAttempts]: maxAttempts,
    [EXTENSIONS.headers]: Object.keys(headers).length === 0 ? undefined : JSON.stringify(headers),
    [EXTENSIONS.scheduledAt]: scheduledAt?.toISOString(),
    [EXTENSIONS.backoff]: backoff === undefined ? undefined : JSON.stringify(backoff),
    [EXTENSIONS.priority]: priority,
    [EXTENSIONS.tenant]: tenant,
    ...trace,
  };
}
