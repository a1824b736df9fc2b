import { defaults } from "../defaults.ts";

/**
 * Deliveries beyond `maxAttempts` on a queue that keeps order. There, a released message cannot be replaced by a copy
 * with a new count, so releases add up.
 */
const IN_ORDER_MARGIN = 25;

/**
 * Returns the delivery count at which a message counts as one that kills its process. A message that runs normally
 * never reaches it, because only failed runs use attempts.
 */
export function crashLoopAt(maxAttempts: number, keepsOrder: boolean): number {
  return maxAttempts + (keepsOrder ? IN_ORDER_MARGIN : defaults.crashLoopMargin);
}

/**
 * The broker's limit of deliveries on a queue that keeps order. The broker also counts messages that were released
 * because the one before them failed. The value is the largest that every provider allows: Pub/Sub allows 5 to 100.
 * https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#DeadLetterPolicy (2026-11)
 */
const IN_ORDER_BROKER_DELIVERIES = 100;

/** Returns the limit of deliveries to set at the broker, so that it never acts before {@link crashLoopAt}. */
export function brokerMaxDeliveries(maxAttempts: number, keepsOrder: boolean): number {
  const beyondGuard = crashLoopAt(maxAttempts, keepsOrder) + 5;
  return keepsOrder ? Math.max(beyondGuard, IN_ORDER_BROKER_DELIVERIES) : beyondGuard;
}
