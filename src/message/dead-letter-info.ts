import type { Attributes } from "../driver/contract.ts";
import type { Limits } from "../driver/limits.ts";
import { describeError } from "../errors.ts";
import { packAttributes, unpackAttributes } from "./pack-attributes.ts";
import { DEAD_LETTER, withSystemAttributes } from "./system-attributes.ts";

/** Why a message was dead-lettered. */
export type DeadLetterReason =
  | "max_attempts"
  | "permanent_error"
  | "invalid_payload"
  | "malformed"
  | "unknown_type"
  | "crash_loop"
  | (string & {});

/** Why, when and where from a message was dead-lettered. */
export interface DeadLetterInfo {
  /** `broker`, or `broker:` and its own reason, where the provider put it there without a word of ours. */
  readonly reason: DeadLetterReason;
  /** The last error, cut to fit; empty where there was none. */
  readonly error: string;
  /** Where that was thrown: the top frame of its stack that is the application's own. */
  readonly frame?: string | undefined;
  readonly attempts: number;
  /** The queue that it came from. */
  readonly source: string;
  readonly at: Date;
  /** When it was created. */
  readonly firstSeenAt?: Date | undefined;
  /** The key that it had, where the dead-letter queue is ordered: there, each message has a key of its own. */
  readonly orderingKey?: string | undefined;
}

const MAX_BYTES = 1_000;
/** What is cut where it does not fit, in this order, and what is kept of it at least. */
const CUT = [
  ["error", 200],
  ["frame", 0],
  ["error", 0],
  ["reason", 60],
  ["source", 20],
] as const;
/** Not characters, and not escaped by JSON; a provider that carries XML text refuses them. */
const NONCHARACTERS = /[\uFFFE\uFFFF]/g;

/** What is noted on a dead letter, as one attribute of at most 1,000 bytes: the error is cut until it fits. */
export function encodeInfo(info: DeadLetterInfo): string {
  const fields = {
    reason: fit(info.reason),
    error: fit(info.error),
    frame: info.frame === undefined ? undefined : fit(info.frame),
    attempts: info.attempts,
    source: fit(info.source),
    at: info.at.toISOString(),
    first_seen_at: info.firstSeenAt?.toISOString(),
    // A key that is too long to be noted is lost; one that is cut would be another one.
    ordering_key: keyOf(info),
  };
  let text = JSON.stringify(fields);
  for (const [name, least] of CUT) {
    for (let value = fields[name] ?? ""; Buffer.byteLength(text) > MAX_BYTES && value.length > least;) {
      const excess = Buffer.byteLength(text) - MAX_BYTES;
      const keep = Math.max(least, value.length - Math.max(1, Math.ceil(excess / 6)));
      value = value.slice(0, keep).toWellFormed();
      fields[name] = value;
      text = JSON.stringify(fields);
    }
  }
  return text;
}

function fit(text: string): string {
  return text.slice(0, MAX_BYTES).toWellFormed().replace(NONCHARACTERS, "\uFFFD");
}

function keyOf({ orderingKey }: DeadLetterInfo): string | undefined {
  if (orderingKey === undefined || orderingKey.search(NONCHARACTERS) !== -1) return undefined;
  return Buffer.byteLength(JSON.stringify(orderingKey)) <= MAX_BYTES / 4 ? orderingKey : undefined;
}

/** Undefined where the attribute is missing or not ours. */
export function decodeInfo(attributes: Attributes): DeadLetterInfo | undefined {
  const text = attributes[DEAD_LETTER];
  if (text === undefined) return undefined;
  try {
    const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const {
      reason,
      error,
      frame,
      attempts,
      source,
      at,
      first_seen_at: firstSeen,
      ordering_key: key,
    } = fields;
    if (typeof reason !== "string" || typeof source !== "string" || typeof at !== "string") return undefined;
    return {
      reason,
      error: typeof error === "string" ? error : "",
      ...(typeof frame === "string" && frame !== "" ? { frame } : {}),
      attempts: typeof attempts === "number" ? attempts : 0,
      source,
      at: new Date(at),
      firstSeenAt: typeof firstSeen === "string" ? new Date(firstSeen) : undefined,
      orderingKey: typeof key === "string" ? key : undefined,
    };
  } catch {
    return undefined;
  }
}

/** The error as one line, no longer than can be noted. */
export function errorLine(error: unknown): string {
  return error === undefined ? "" : describeError(error).slice(0, MAX_BYTES).toWellFormed();
}

/** The attributes of a dead letter: all that the message had, and `qp_dlq`. */
export function deadLetterAttributes(
  attributes: Attributes,
  info: DeadLetterInfo,
  limits: Limits,
): Attributes {
  return packAttributes(withSystemAttributes(attributes, { [DEAD_LETTER]: encodeInfo(info) }), limits);
}

/** Undoes {@link deadLetterAttributes}. */
export function originalAttributes(attributes: Attributes): Attributes {
  return withSystemAttributes(unpackAttributes(attributes), { [DEAD_LETTER]: undefined });
}
