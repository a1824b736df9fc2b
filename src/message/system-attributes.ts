import type { Attributes } from "../driver/contract.ts";

/** The reason why a message cannot be read. Internal to `decode`, which turns it into a value. */
export class Malformed extends Error {}

/** What queueport notes beside a message, in attributes that start with `qp_`. */
export interface SystemAttributes {
  /** Attempts recorded before this copy was made; 0 on a first send. */
  readonly attempt: number;
  /** When the message is due, in epoch milliseconds, while it is parked. */
  readonly notBefore?: number | undefined;
  /** The queue for which it is parked, where several share a parking queue. */
  readonly target?: string | undefined;
  /** When its type was first found unknown, in epoch milliseconds. */
  readonly unknownSince?: number | undefined;
  /** How often it was redriven from a dead-letter queue. */
  readonly redrive: number;
}

export const ATTEMPT = "qp_attempt";
export const NOT_BEFORE = "qp_not_before";
export const TARGET = "qp_target";
export const UNKNOWN_SINCE = "qp_unknown_since";
export const REDRIVE = "qp_redrive";
export const DEAD_LETTER = "qp_dlq";
export const FOLDED = "qp_folded";

const NOTHING: SystemAttributes = Object.freeze({ attempt: 0, redrive: 0 });

/** @throws Malformed where a `qp_` value is not what it has to be. */
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
  };
}

function whole(attributes: Attributes, name: string): number | undefined {
  const text = attributes[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value))
    throw new Malformed(
      `the attribute ${name} must be a whole number; got ${JSON.stringify(text.slice(0, 60))}`,
    );
  return value;
}

/** The attributes with some of ours changed; `undefined` takes one away. The rest stays as it came. */
export function withSystemAttributes(
  attributes: Attributes,
  changes: Readonly<Record<string, string | number | undefined>>,
): Attributes {
  const changed: Record<string, string> = { ...attributes };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete changed[name];
    else changed[name] = String(value);
  }
  return changed;
}
