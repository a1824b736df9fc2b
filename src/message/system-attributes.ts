import type { Attributes } from "../driver/contract.ts";

/** The reason why a message cannot be read. `decode` catches it, and returns the reason as a value. */
export class Malformed extends Error {}

/** The data that queueport keeps in attributes of a message whose names begin with `qp_`. */
export interface SystemAttributes {
  /** Attempts before this copy was made; 0 on a first send. */
  readonly attempt: number;
  /** The time at which the message is due, in epoch milliseconds; set while it waits in the delay queue. */
  readonly notBefore?: number | undefined;
  /** The only receiver that handles this copy, if several receive from the queue: see `QueueTraits.target`. */
  readonly target?: string | undefined;
  /** The time at which a worker first found no handler for the type, in epoch milliseconds. */
  readonly unknownSince?: number | undefined;
  /** Number of times that the message was redriven from a dead-letter queue. */
  readonly redrive: number;
  /**
   * The details of a dead letter that could not be sent, in the format of `qp_dlq`. A worker that receives the message
   * only tries to move it to the dead-letter queue, and does not run its handler.
   */
  readonly decided?: string | undefined;
  /** A note of the sender's job system about this message, for the job system of the receiver. */
  readonly jobFlags?: string | undefined;
}

// The names are part of the wire format, and must not change.
export const ATTEMPT = "qp_attempt";
export const NOT_BEFORE = "qp_not_before";
export const TARGET = "qp_target";
export const UNKNOWN_SINCE = "qp_unknown_since";
export const REDRIVE = "qp_redrive";
export const DEAD_LETTER = "qp_dlq";
/** The ordering key of a dead letter, if it is too long for {@link DEAD_LETTER}. */
export const DEAD_LETTER_KEY = "qp_dlq_key";
export const DECIDED = "qp_decided";
/** Written by senders with a job store, and read by workers with one. Kept in all copies of the message. */
export const JOB = "qp_job";
export const FOLDED = "qp_folded";

const NOTHING: SystemAttributes = Object.freeze({ attempt: 0, redrive: 0 });

/**
 * Reads the system attributes.
 *
 * @throws Malformed when the value of a `qp_` attribute is invalid
 */
export function readSystemAttributes(attributes: Attributes): SystemAttributes {
  let any = false;
  for (const name in attributes) {
    if (name.startsWith("qp_")) {
      any = true;
      break;
    }
  }
  if (!any) return NOTHING;
  return {
    attempt: whole(attributes, ATTEMPT) ?? 0,
    notBefore: whole(attributes, NOT_BEFORE),
    target: attributes[TARGET],
    unknownSince: whole(attributes, UNKNOWN_SINCE),
    redrive: whole(attributes, REDRIVE) ?? 0,
    decided: attributes[DECIDED],
    jobFlags: attributes[JOB],
  };
}

function whole(attributes: Attributes, name: string): number | undefined {
  const text = attributes[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value))
    throw new Malformed(`the attribute ${name} must be a whole number of at most 16 digits`);
  return value;
}

/** Returns the attributes with changed system attributes; `undefined` removes one. All others stay unchanged. */
export function withSystemAttributes(
  attributes: Attributes,
  changes: Readonly<{ [name: string]: string | number | undefined }>,
): Attributes {
  const changed: Record<string, string> = { ...attributes };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete changed[name];
    else changed[name] = String(value);
  }
  return changed;
}
