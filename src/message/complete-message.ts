import type { BackoffOptions } from "../backoff.ts";
import { defaults } from "../defaults.ts";
import type { Attributes } from "../driver/contract.ts";
import type { Priority } from "./job-labels.ts";
import type { Headers, Message, TraceContext } from "./message.ts";
import { foreignAttributes } from "./pack-attributes.ts";

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

/**
 * Replaces the payload of a received message by the output of its schema, and returns the same message. Nothing else
 * refers to a received message, and a copy would stay in memory for as long as the handler runs.
 */
export function withPayload(message: Message, payload: unknown): Message {
  (message as { payload: unknown }).payload = payload;
  return message;
}
