import type { Attributes, Delivery, Outgoing } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { sha256 } from "../lib/hash.ts";

/** Why a message is sent again by ourselves. */
export type RequeuePurpose = "retry" | "defer" | "due" | "park" | "dead_letter" | "redrive";

/**
 * The broker-side id of a clone: made of the copy that it replaces, so that a broker that deduplicates absorbs the
 * second clone of a crash between clone and acknowledgement, and never the clone of another copy.
 */
export function requeueId(
  id: string,
  purpose: RequeuePurpose,
  copy: Pick<Delivery, "brokerId"> & Partial<Delivery>,
): string {
  return sha256(`${purpose}\n${id}\n${copy.brokerId}`).toString("hex").slice(0, 32);
}

/** A clone: the body as it came, never rewritten; the attributes as given. */
export function requeueCopy(
  copy: Delivery,
  id: string,
  purpose: RequeuePurpose,
  attributes: Attributes,
): Outgoing {
  return {
    body: copy.body,
    attributes,
    delayMs: 0,
    orderingKey: copy.orderingKey,
    dedupId: requeueId(id, purpose, copy),
  };
}

/**
 * Whether the message has a place among others that it must keep. A key that is the message's own id was only given
 * because the queue wants one.
 */
export function inOrder(copy: Delivery, id: string, traits: QueueTraits): boolean {
  return traits.ordering === "by_key" && copy.orderingKey !== undefined && copy.orderingKey !== id;
}
