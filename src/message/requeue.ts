import type { Attributes, Delivery, Outgoing } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { sha256 } from "../lib/hash.ts";
import { givenKey } from "./own-key.ts";

/**
 * The reason why queueport sends a message again. The values are part of the broker-side id, and must not change.
 * `park` sends a message to the delay queue again; `due` moves it from there to its queue.
 */
export type RequeuePurpose = "retry" | "defer" | "due" | "park" | "dead_letter" | "redrive";

/**
 * Returns the broker-side id of a requeued message. It is derived from the copy that it replaces. After a crash between
 * requeue and acknowledgement, the message is requeued again with the same id, and a broker that deduplicates absorbs
 * it. The requeue of another copy has another id.
 */
export function requeueId(
  id: string,
  purpose: RequeuePurpose,
  copy: Pick<Delivery, "brokerId"> & Partial<Delivery>,
): string {
  return sha256(`${purpose}\n${id}\n${copy.brokerId}`).toString("hex").slice(0, 32);
}

/** Returns the message that replaces `copy`: with the same body, never rewritten, and the given attributes. */
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
    native: copy.native,
    dedupId: requeueId(id, purpose, copy),
  };
}

/**
 * Returns whether the message must keep its place among others with its ordering key. A key that the core has set does
 * not count.
 */
export function inOrder(copy: Delivery, traits: QueueTraits): boolean {
  return traits.ordering === "by_key" && givenKey(copy.orderingKey) !== undefined;
}
