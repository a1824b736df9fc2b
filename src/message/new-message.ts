import { checkBackoff } from "../backoff.ts";
import { defaults } from "../defaults.ts";
import type { Attributes } from "../driver/contract.ts";
import { type KnownKeys, QueueError } from "../errors.ts";
import { closest } from "../lib/closest.ts";
import { isNewest, newId } from "../lib/ids.ts";
import { show } from "../lib/text.ts";
import { CompleteMessage } from "./complete-message.ts";
import { PRIORITIES, readPriority } from "./job-labels.ts";
import type { Headers, Message, NewMessage } from "./message.ts";
import { OWN_KEY } from "./own-key.ts";

const MAX_TYPE_BYTES = 256;
/**
 * The lowest limit of all providers for a message id, an ordering key and a deduplication id. SQS and Service Bus allow
 * 128 characters.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html (2026-11)
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
 */
const MAX_ID_BYTES = 128;
/**
 * The size up to which a `tracestate` is propagated:
 * https://www.w3.org/TR/trace-context/#tracestate-limits (2021-11)
 */
const MAX_TRACESTATE_BYTES = 512;
// oxlint-disable-next-line no-control-regex -- finds control characters
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The keys of a message. A transform of a redrive may return a received message, with its times and attributes. */
const MESSAGE_KEYS: KnownKeys<NewMessage & Message> = {
  type: true,
  payload: true,
  id: true,
  headers: true,
  maxAttempts: true,
  backoff: true,
  orderingKey: true,
  dedupId: true,
  trace: true,
  priority: true,
  tenant: true,
  schema: true,
  attributes: true,
  createdAt: true,
  scheduledAt: true,
};

/** Keys that belong into the options of a send. In the message they would have no effect. */
const SEND_OPTIONS: ReadonlySet<string> = new Set(["delay", "deadlineMs", "signal", "cancellable"]);

/** The type that was checked last. Most messages have one of few types, so the check is skipped for most. */
let checkedType: string | undefined;

const NO_HEADERS: Headers = Object.freeze({});
const NO_ATTRIBUTES: Attributes = Object.freeze({});

/**
 * Checks a new message and adds an id, the time and the defaults. `encode` checks the payload, since it walks the
 * payload anyway.
 *
 * @throws QueueError `invalid_message`, `invalid_headers`, `invalid_options` when a field is wrong
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
    priority,
    tenant,
  } = input;
  if (input.payload === undefined && typeof (input as Partial<{ message: unknown }>).message === "function")
    refuse(
      "invalid_message",
      `The job definition ${show(type)} was given in place of a message; send the result of its message(payload).`,
    );
  if (typeof type !== "string" || type !== checkedType) {
    checkText(type, "type", MAX_TYPE_BYTES);
    checkedType = type;
  }
  checkMessageKeys(input);
  if (id !== undefined && !isNewest(id)) checkText(id, "id", MAX_ID_BYTES);
  if (headers !== undefined) checkHeaders(headers);
  if (!Number.isSafeInteger(maxAttempts) || maxAttempts < 1) {
    refuse("invalid_message", `maxAttempts must be a whole number, 1 or more; got ${show(maxAttempts)}.`);
  }
  if (backoff !== undefined) checkBackoff(backoff, `message of type ${show(type)}`);
  if (orderingKey !== undefined) checkOrderingKey(orderingKey);
  if (dedupId !== undefined) checkText(dedupId, "dedupId", MAX_ID_BYTES);
  if (trace !== undefined) checkText(trace.traceparent, "trace.traceparent", MAX_TYPE_BYTES);
  if (trace?.tracestate !== undefined) checkText(trace.tracestate, "trace.tracestate", MAX_TRACESTATE_BYTES);
  if (priority !== undefined && readPriority(priority) === undefined) {
    const known = PRIORITIES.join(", ");
    refuse("invalid_message", `The priority of a message is one of ${known}; got ${show(priority)}.`);
  }
  if (tenant !== undefined) checkText(tenant, "tenant", MAX_ID_BYTES);
  return new CompleteMessage(
    id ?? newId(now),
    type,
    input.payload,
    headers ?? NO_HEADERS,
    maxAttempts,
    new Date(now),
    scheduledAt === undefined ? undefined : new Date(scheduledAt),
    backoff,
    trace,
    orderingKey,
    NO_ATTRIBUTES,
    priority === undefined && tenant === undefined ? undefined : { priority, tenant },
  );
}

/** Refuses a key that has no effect, as `delay` in place of an option of the send, or a misspelling. */
function checkMessageKeys(input: object): void {
  for (const key in input) {
    // The usual keys first: a switch costs half as much as a look-up, and this runs for every message.
    switch (key) {
      case "type":
      case "payload":
      case "id":
      case "headers":
      case "maxAttempts":
      case "dedupId":
      case "orderingKey":
      case "schema":
      case "backoff":
      case "priority":
      case "tenant":
        continue;
      default:
        if (!Object.hasOwn(MESSAGE_KEYS, key) && input[key as never] !== undefined) refuseKey(key);
    }
  }
}

function refuseKey(key: string): never {
  if (SEND_OPTIONS.has(key)) {
    refuse(
      "invalid_message",
      `${key} is an option of the send, not of the message: send(queue, message, { ${key} }).`,
    );
  }
  const near = closest(key, Object.keys(MESSAGE_KEYS));
  const hint = near === undefined ? "put your own data into payload or headers." : `did you mean ${near}?`;
  refuse("invalid_message", `A message has no key ${show(key)}; ${hint}`);
}

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
  // UTF-8 cannot encode half of a surrogate pair, so it would arrive as another character.
  if (!value.isWellFormed())
    refuse("invalid_message", `The ${field} of a message is well-formed Unicode; got ${show(value)}.`);
}

function checkOrderingKey(key: unknown): void {
  checkText(key, "orderingKey", MAX_ID_BYTES);
  if (key.startsWith(OWN_KEY)) {
    refuse(
      "invalid_message",
      `An orderingKey does not begin with "${OWN_KEY}", which marks the keys of messages without one; got ${show(key)}.`,
    );
  }
}

function checkHeaders(headers: unknown): asserts headers is Headers {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    refuse("invalid_headers", `headers must be an object of strings; got ${show(headers)}.`);
  }
  if (Symbol.iterator in headers)
    refuse(
      "invalid_headers",
      "headers must be a plain object of strings; a Map or Headers has no properties. Send Object.fromEntries(headers).",
    );
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
