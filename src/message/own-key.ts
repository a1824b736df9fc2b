import { sha256 } from "../lib/hash.ts";

/** Beginning of the keys that the core sets. Part of the wire format: `send` refuses such a key, so that it is no sender's. */
export const OWN_KEY = "qp-own:";
/** Largest key in bytes: see `MAX_ID_BYTES` of a message. */
const MAX_BYTES = 128;

/**
 * Returns the ordering key of a message without one, for a queue that requires a key: no other message has it. It
 * differs from the id, since the id may be a key that a sender gave to other messages.
 */
export function ownKey(id: string): string {
  const key = `${OWN_KEY}${id}`;
  return Buffer.byteLength(key) <= MAX_BYTES ? key : `${OWN_KEY}${sha256(id).toString("hex")}`;
}

/** Returns the key that the sender gave; undefined if the core has set it. */
export function givenKey(key: string | undefined): string | undefined {
  return key?.startsWith(OWN_KEY) === true ? undefined : key;
}
