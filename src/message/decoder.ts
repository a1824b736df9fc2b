import type { BackoffOptions } from "../backoff.ts";
import type { Attributes, Body } from "../driver/contract.ts";
import type { Priority } from "./job-labels.ts";
import type { Headers, TraceContext } from "./message.ts";

/** A received message before it is decoded, as a {@link Decoder} sees it. */
export interface RawMessage {
  /** The parsed body; undefined if it is empty or not JSON. Parsed once, when a decoder first reads it. */
  readonly json: unknown;
  /** The body as the provider delivered it. Must not be modified. */
  readonly body: Body;
  /** The attributes next to the body, or those of the envelope that a decoder unwrapped. Must not be modified. */
  readonly attributes: Attributes;
  /** The logical queue name. */
  readonly queue: string;
  /** The provider's id of the message. */
  readonly brokerId: string;
}

/** A message that a {@link Decoder} has read. Fields that are left out have the defaults of the wire format. */
export interface DecodedMessage {
  /** The job type. It selects the handler: a non-empty string. */
  readonly type: string;
  /** Any JSON value; null for "nothing", since undefined is a mistake of the decoder. */
  readonly payload: unknown;
  /** Must be the same on each delivery. @default the provider's id of the message */
  readonly id?: string | undefined;
  /** @default none */
  readonly headers?: Headers | undefined;
  /** @default `maxAttempts` of the job definition with which the type is registered, or 5 */
  readonly maxAttempts?: number | undefined;
  /** @default the time at which the provider accepted the message */
  readonly createdAt?: Date | undefined;
  /** @default not delayed */
  readonly scheduledAt?: Date | undefined;
  /** @default the backoff of the job definition, the worker or the queue */
  readonly backoff?: BackoffOptions | undefined;
  /** @default the attributes `traceparent` and `tracestate` */
  readonly trace?: TraceContext | undefined;
  /** A value that is no priority is ignored. @default none */
  readonly priority?: Priority | undefined;
  /** A value that is no tenant is ignored. @default none */
  readonly tenant?: string | undefined;
}

/** A message inside another system's envelope. All decoders are asked again, for the inner message. */
export interface UnwrappedMessage {
  readonly unwrap: {
    readonly body: Body;
    /** Attributes of the inner message. @default none */
    readonly attributes?: Attributes | undefined;
    /** Id of the message, if the inner body has none. @default the provider's id */
    readonly id?: string | undefined;
    /** Time of the message, if the inner body has none. @default the time at which the provider accepted it */
    readonly createdAt?: Date | undefined;
  };
}

/**
 * Reads messages that another system wrote. A queue asks its decoders in order, before it reads its own envelope.
 * Synchronous. The body itself stays as it is: retries, dead letters and redrives copy it byte for byte.
 *
 * Returns the message; the envelope's content to decode again; `"ignore"` to acknowledge the message without a run,
 * which the event `ignored` reports; or undefined if the message is not of its kind, so that the next decoder is asked.
 * If it throws, the message is dead-lettered as `malformed` with the error's sentence.
 *
 * @example
 * const legacy: Decoder = ({ json }) => {
 *   const { task, args } = (json ?? {}) as { task?: string; args?: unknown };
 *   return task === undefined ? undefined : { type: task, payload: args ?? null };
 * };
 * const queue = createQueue(sqs(), { decode: [legacy] });
 */
export type Decoder = (raw: RawMessage) => DecodedMessage | UnwrappedMessage | "ignore" | undefined;
