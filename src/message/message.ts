import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type BackoffOptions, checkBackoff } from "../backoff.ts";
import { defaults } from "../defaults.ts";
import type { Attributes } from "../driver/contract.ts";
import { type KnownKeys, QueueError } from "../errors.ts";
import { closest } from "../lib/closest.ts";
import { newId } from "../lib/ids.ts";
import { show } from "../lib/text.ts";
import { type Priority, PRIORITIES, readPriority } from "./job-labels.ts";
import { OWN_KEY } from "./own-key.ts";
import { foreignAttributes } from "./pack-attributes.ts";

/** Names and string values that travel in the body of a message, so that no provider's attribute limit applies. */
export type Headers = Readonly<Record<string, string>>;

/** The W3C trace context of a message: https://www.w3.org/TR/trace-context/ (2021-11) */
export interface TraceContext {
  /** The value of the `traceparent` header: 1 to 256 bytes. */
  readonly traceparent: string;
  /** The value of the `tracestate` header: 1 to 512 bytes. */
  readonly tracestate?: string | undefined;
}

/** A job as a handler receives it. */
export interface Message<Payload = unknown> {
  /** A UUIDv7, unless the sender chose another id. It stays the same across retries, delays and redrives. */
  readonly id: string;
  /** The job type. It selects the handler. */
  readonly type: string;
  /** Any JSON value, or the output of the job definition's schema. */
  readonly payload: Payload;
  readonly headers: Headers;
  /**
   * The attributes that travelled next to the body, such as those of a foreign producer, without queueport's own, whose
   * names begin with `qp_`. Frozen, and created when it is read. Empty on a message that is being sent.
   */
  readonly attributes: Attributes;
  /** Failed runs after which the job is dead-lettered. */
  readonly maxAttempts: number;
  /** The time at which the message was sent first. */
  readonly createdAt: Date;
  /** The time at which the job was due; undefined if it was sent without a delay. */
  readonly scheduledAt?: Date | undefined;
  /** Overrides the backoff of the worker and of the queue for this message. */
  readonly backoff?: BackoffOptions | undefined;
  readonly trace?: TraceContext | undefined;
  /** The ordering key that the sender gave; undefined if it gave none. */
  readonly orderingKey?: string | undefined;
  /** The priority that the sender gave; undefined if it gave none. */
  readonly priority?: Priority | undefined;
  /** The customer for whom the job runs; undefined if the sender named none. */
  readonly tenant?: string | undefined;
}

/** A job to send. */
export interface NewMessage<Payload = unknown> {
  /** The job type. It selects the handler: 1 to 256 bytes, without control characters. */
  readonly type: string;
  /** Any JSON value. */
  readonly payload: Payload;
  /** Identifies the message: 1 to 128 bytes, without control characters. @default a UUIDv7 */
  readonly id?: string | undefined;
  /** @default no headers */
  readonly headers?: Headers | undefined;
  /** Failed runs after which the job is dead-lettered: a whole number, 1 or more. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Overrides the backoff of the worker and of the queue for this message. @default their backoff */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * Key of 1 to 128 bytes that does not begin with `qp-own:`. Messages with the same key are handled in the order in
   * which they were sent. Refused as `not_supported` on a queue that keeps no order.
   */
  readonly orderingKey?: string | undefined;
  /**
   * Id of 1 to 128 bytes. The queue absorbs a second message with the same id within its window. Refused as
   * `not_supported` on a queue that does not deduplicate.
   */
  readonly dedupId?: string | undefined;
  readonly trace?: TraceContext | undefined;
  /** Recorded with the job. It does not change the order of delivery. @default none */
  readonly priority?: Priority | undefined;
  /** The customer for whom the job runs: 1 to 128 bytes, without control characters. @default none */
  readonly tenant?: string | undefined;
  /** Validates the payload before it is sent. Set by `message` of a job definition. */
  readonly schema?: StandardSchemaV1<Payload> | undefined;
}

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

/** The type that was checked last. Most messages have one of few types, so the check is skipped for most. */
let checkedType: string | undefined;

const NO_HEADERS: Headers = Object.freeze({});
const NO_ATTRIBUTES: Attributes = Object.freeze({});

/** The facts that few messages have. */
export interface RareFacts {
  readonly priority?: Priority | undefined;
  readonly tenant?: string | undefined;
  /** The encoding of the payload; undefined if the payload is what the sender gave. */
  readonly encoding?: string | undefined;
  /** Whether the message does not say when it was created. */
  readonly isUndated?: boolean | undefined;
}

/**
 * A message with all of its fields, in both directions. A class for the sake of `attributes`: a getter of the prototype
 * costs nothing where no handler reads it, and a copy by `{ ...message }` leaves it out.
 */
export class CompleteMessage<Payload = unknown> implements Message<Payload> {
  readonly id: string;
  readonly type: string;
  payload: Payload;
  readonly headers: Headers;
  maxAttempts: number;
  readonly createdAt: Date;
  readonly scheduledAt: Date | undefined;
  readonly backoff: BackoffOptions | undefined;
  readonly trace: TraceContext | undefined;
  readonly orderingKey: string | undefined;
  // Set only in a message that has them, as own properties, so that a copy by `{ ...message }` has them as well.
  declare readonly priority?: Priority;
  declare readonly tenant?: string;
  /**
   * The attributes as they were received, with queueport's own among them. In few messages an object with more: each field
   * of this class costs time and memory in every message.
   */
  #received: Attributes | Received;

  constructor(
    id: string,
    type: string,
    payload: Payload,
    headers: Headers,
    maxAttempts: number | undefined,
    createdAt: Date,
    scheduledAt: Date | undefined,
    backoff: BackoffOptions | undefined,
    trace: TraceContext | undefined,
    orderingKey: string | undefined,
    attributes: Attributes,
    rare?: RareFacts,
  ) {
    this.id = id;
    this.type = type;
    this.payload = payload;
    this.headers = headers;
    this.maxAttempts = maxAttempts ?? defaults.maxAttempts;
    this.createdAt = createdAt;
    this.scheduledAt = scheduledAt;
    this.backoff = backoff;
    this.trace = trace;
    this.orderingKey = orderingKey;
    if (rare?.priority !== undefined) this.priority = rare.priority;
    if (rare?.tenant !== undefined) this.tenant = rare.tenant;
    this.#received =
      maxAttempts === undefined || rare !== undefined
        ? new Received(attributes, maxAttempts, rare)
        : attributes;
  }

  get attributes(): Attributes {
    const received = this.#received;
    return foreignAttributes(received instanceof Received ? received.attributes : received);
  }

  /** The encoding of the payload; undefined if the payload is what the sender gave. */
  get encoding(): string | undefined {
    const received = this.#received;
    return received instanceof Received ? received.encoding : undefined;
  }

  /** Whether the message says when it was created. */
  get statesCreation(): boolean {
    const received = this.#received;
    return !(received instanceof Received && received.isUndated);
  }

  /** Replaces an encoded payload by the decoded one. */
  reveal(payload: Payload): void {
    this.payload = payload;
    if (this.#received instanceof Received) this.#received.encoding = undefined;
  }

  /** Sets `maxAttempts` as the job definition has it, if the message itself does not say it. */
  defaultMaxAttempts(maxAttemptsOf: (type: string) => number | undefined): void {
    const received = this.#received;
    if (received instanceof Received && received.maxAttempts === undefined)
      this.maxAttempts = maxAttemptsOf(this.type) ?? this.maxAttempts;
  }
}

/** Sets `maxAttempts` of a received message that does not say it, as those of other systems do not. */
export function defaultMaxAttempts(
  message: Message,
  maxAttemptsOf: (type: string) => number | undefined,
): void {
  if (message instanceof CompleteMessage) message.defaultMaxAttempts(maxAttemptsOf);
}

/** Whether a message says when it was created. If not, its `createdAt` is that of its delivery. */
export function statesCreation(message: Message): boolean {
  return !(message instanceof CompleteMessage) || message.statesCreation;
}

/** The received form of a message that lacks `max_attempts`, or has one of the rare facts. */
class Received {
  readonly attributes: Attributes;
  /** Undefined if the message does not say it. */
  readonly maxAttempts: number | undefined;
  encoding: string | undefined;
  readonly isUndated: boolean;

  constructor(attributes: Attributes, maxAttempts: number | undefined, rare: RareFacts | undefined) {
    this.attributes = attributes;
    this.maxAttempts = maxAttempts;
    this.encoding = rare?.encoding;
    this.isUndated = rare?.isUndated === true;
  }
}

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
  if (id !== undefined) checkText(id, "id", MAX_ID_BYTES);
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

/**
 * Replaces the payload of a received message by the output of its schema, and returns the same message. Nothing else
 * refers to a received message, and a copy would stay in memory for as long as the handler runs.
 */
export function withPayload(message: Message, payload: unknown): Message {
  (message as { payload: unknown }).payload = payload;
  return message;
}
