import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { BackoffOptions } from "../backoff.ts";
import type { Attributes } from "../driver/contract.ts";
import type { Priority } from "./job-labels.ts";

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
