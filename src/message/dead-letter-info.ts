import type { Attributes } from "../driver/contract.ts";
import { describeError } from "../errors.ts";
import { escapeNonCharacters } from "../lib/text.ts";
import { unpackAttributes } from "./pack-attributes.ts";
import { DEAD_LETTER, DEAD_LETTER_KEY, DECIDED, withSystemAttributes } from "./system-attributes.ts";

/**
 * The reason why a message was dead-lettered.
 *
 * - `max_attempts`: All attempts failed.
 * - `permanent_error`: The handler threw a `PermanentError`.
 * - `invalid_payload`: The payload does not match the schema of its job definition.
 * - `malformed`: The message cannot be read.
 * - `unknown_type`: No worker had a handler for the type within `unknownTypeMaxAgeMs`.
 * - `crash_loop`: The message was delivered too often without a result. It probably kills its process.
 * - `broker`, or `broker:` and the broker's reason: The broker dead-lettered the message.
 *
 * A handler of `queue.receive` may use other reasons.
 */
export type DeadLetterReason =
  | "max_attempts"
  | "permanent_error"
  | "invalid_payload"
  | "malformed"
  | "unknown_type"
  | "crash_loop"
  | (string & {});

/** The details of a dead letter: why and when it was dead-lettered, and from which queue. */
export interface DeadLetterInfo {
  readonly reason: DeadLetterReason;
  /** The last error in one line, shortened to fit; empty if there was none. */
  readonly error: string;
  /**
   * The place of the error: the top frame of its stack that belongs to the application, as
   * `charge (billing/card.ts:12)`.
   */
  readonly frame?: string | undefined;
  /** Number of runs that the message had. */
  readonly attempts: number;
  /** The logical name of the queue from which the message came. */
  readonly source: string;
  /** The time at which the message was dead-lettered. */
  readonly at: Date;
  /** The time at which the message was created. */
  readonly firstSeenAt?: Date | undefined;
  /** The ordering key of the message in its queue. In the dead-letter queue, each message has a key of its own. */
  readonly orderingKey?: string | undefined;
}

/**
 * Largest size of the encoded details, in bytes. A first send reserves 4 KiB of the provider's size limits for them.
 */
const MAX_BYTES = 1_000;
/**
 * The fields that are shortened if the details do not fit, in this order, and the characters that are kept at least.
 */
const SHORTENED = [
  ["error", 200],
  ["frame", 0],
  ["error", 0],
  ["reason", 60],
  ["source", 20],
] as const;
/**
 * Largest value of an attribute, and largest ordering key, on any provider with such a limit.
 * https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
 */
const MAX_ATTRIBUTE_BYTES = 1_024;
/**
 * Largest ordering key within the details, in bytes of JSON; a longer one has an attribute of its own. Every key that
 * `send` takes fits: 128 bytes are at most 258 bytes of JSON. With this key and the other fields as short as they can
 * be, the details fit.
 */
const MAX_KEY_BYTES = 350;

/**
 * Encodes the details as one attribute of at most `maxBytes`: from 500 to 1,000. The error is shortened first if they do
 * not fit. An ordering key is never shortened.
 */
export function encodeInfo(info: DeadLetterInfo, maxBytes: number = MAX_BYTES): string {
  const { orderingKey } = info;
  const fields = {
    reason: fit(info.reason),
    error: fit(info.error),
    frame: info.frame === undefined ? undefined : fit(info.frame),
    attempts: info.attempts,
    source: fit(info.source),
    at: info.at.toISOString(),
    first_seen_at: info.firstSeenAt?.toISOString(),
    ordering_key: orderingKey === undefined || isLong(orderingKey) ? undefined : orderingKey,
  };
  let text = jsonOf(fields);
  for (const [name, least] of SHORTENED) {
    for (let value = fields[name] ?? ""; Buffer.byteLength(text) > maxBytes && value.length > least;) {
      const excess = Buffer.byteLength(text) - maxBytes;
      const keep = Math.max(least, value.length - Math.max(1, Math.ceil(excess / 6)));
      value = value.slice(0, keep).toWellFormed();
      fields[name] = value;
      text = jsonOf(fields);
    }
  }
  return text;
}

function fit(text: string): string {
  return text.slice(0, MAX_BYTES).toWellFormed();
}

/** Encodes as JSON with two characters escaped that JSON allows and SQS, which carries XML text, refuses. */
function jsonOf(value: unknown): string {
  return escapeNonCharacters(JSON.stringify(value));
}

function isLong(key: string): boolean {
  return Buffer.byteLength(jsonOf(key)) > MAX_KEY_BYTES;
}

/**
 * Returns the attributes of a dead letter that hold its details. A key that another program chose may be too long for
 * `qp_dlq`: Pub/Sub allows as much for a key as for the value of an attribute.
 */
export function infoAttributes(info: DeadLetterInfo, maxBytes: number = MAX_BYTES): Attributes {
  const { orderingKey } = info;
  const encoded = encodeInfo(info, maxBytes);
  if (orderingKey === undefined || !isLong(orderingKey)) return { [DEAD_LETTER]: encoded };
  // Encoded only if need be, so that a key of the full length fits.
  const key = UNCARRIED.test(orderingKey) ? jsonOf(orderingKey) : orderingKey;
  return { [DEAD_LETTER]: encoded, [DEAD_LETTER_KEY]: key };
}

/** A key that is encoded in its attribute: SQS carries no control characters, and a quote marks an encoded key. */
// oxlint-disable-next-line no-control-regex -- finds control characters
const UNCARRIED = /^"|[\u0000-\u001f\uFFFE\uFFFF]/;

function keyOf(attributes: Attributes, recorded: unknown): string | undefined {
  if (typeof recorded === "string") return recorded;
  const key = attributes[DEAD_LETTER_KEY];
  if (key === undefined || !key.startsWith('"')) return key;
  const decoded = JSON.parse(key) as unknown;
  return typeof decoded === "string" ? decoded : undefined;
}

/** The decoded details of a dead letter. */
export interface DecodedInfo {
  /** Undefined if the attribute is missing, or has another format. */
  readonly info: DeadLetterInfo | undefined;
  /** The details that were replaced, because `qp_dlq` has invalid ones; undefined if there are none. */
  readonly problem: string | undefined;
}

/**
 * Decodes the details, with the limits that they were encoded with: another program may have written them. Never throws.
 * A message that its broker dead-lettered before queueport could has them in `qp_decided`.
 *
 * @param arrivedAt the time that replaces an invalid one
 */
export function decodeInfo(attributes: Attributes, arrivedAt: Date): DecodedInfo {
  const text = attributes[DEAD_LETTER] ?? attributes[DECIDED];
  if (text === undefined) return { info: undefined, problem: undefined };
  try {
    const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const { reason, error, frame, attempts, source, at, first_seen_at: firstSeen } = fields;
    if (typeof reason !== "string" || typeof source !== "string" || typeof at !== "string")
      return { info: undefined, problem: `${DEAD_LETTER} has no reason, source or time` };
    const invalid: string[] = [];
    const date = (name: string, value: unknown): Date | undefined => {
      if (value === undefined) return undefined;
      const read = new Date(typeof value === "string" ? value : Number.NaN);
      if (!Number.isNaN(read.getTime())) return read;
      invalid.push(name);
      return undefined;
    };
    const key = keyOf(attributes, fields["ordering_key"]);
    const isKeyLong = key !== undefined && Buffer.byteLength(key) > MAX_ATTRIBUTE_BYTES;
    if (isKeyLong) invalid.push("ordering_key");
    const isCount = Number.isSafeInteger(attempts) && (attempts as number) >= 0;
    if (!isCount) invalid.push("attempts");
    const info: DeadLetterInfo = {
      reason: fit(reason),
      error: typeof error === "string" ? fit(error) : "",
      ...(typeof frame === "string" && frame !== "" ? { frame: fit(frame) } : {}),
      attempts: isCount ? (attempts as number) : 0,
      source: fit(source),
      at: date("at", at) ?? arrivedAt,
      firstSeenAt: date("first_seen_at", firstSeen),
      orderingKey: isKeyLong ? undefined : key,
    };
    const problem =
      invalid.length === 0 ? undefined : `${DEAD_LETTER} has invalid fields: ${invalid.join(", ")}`;
    return { info, problem };
  } catch {
    return { info: undefined, problem: `${DEAD_LETTER} is not JSON` };
  }
}

/** Describes an error in one line, at most as long as the details can hold. */
export function errorLine(error: unknown): string {
  return error === undefined ? "" : fit(describeError(error));
}

/** A reason or a description of the broker's, at most as long as the details can hold. */
export function brokerText(text: string): string {
  return fit(text);
}

/** Returns the attributes of a message from those of its dead letter. */
export function originalAttributes(attributes: Attributes): Attributes {
  const none = { [DEAD_LETTER]: undefined, [DEAD_LETTER_KEY]: undefined, [DECIDED]: undefined };
  return withSystemAttributes(unpackAttributes(attributes), none);
}
