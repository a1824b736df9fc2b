import { defaults } from "../defaults.ts";

/**
 * Number of deliveries beyond `maxAttempts` that are allowed on a queue that keeps order. On such a queue, a released
 * message cannot be replaced by a copy with a new delivery count, so each release adds to the count.
 */
const IN_ORDER_MARGIN = 25;

/**
 * Returns the delivery count from which a message is treated as one that kills its process. A message that does not kill
 * its process is dead-lettered after `maxAttempts` failed runs, before it reaches this count.
 */
export function crashLoopAt(maxAttempts: number, keepsOrder: boolean): number {
  return maxAttempts + (keepsOrder ? IN_ORDER_MARGIN : defaults.crashLoopMargin);
}

/**
 * The broker's limit of deliveries on a queue that keeps order. The broker also counts a delivery that was released
 * because an earlier message of its key failed. The value is the largest that every provider allows: Pub/Sub allows 5 to
 * 100.
 * https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#DeadLetterPolicy (2026-11)
 */
const IN_ORDER_BROKER_DELIVERIES = 100;

/**
 * Returns the limit of deliveries to set at the broker. It is above {@link crashLoopAt}, so that the core dead-letters a
 * message before the broker does.
 */
export function brokerMaxDeliveries(maxAttempts: number, keepsOrder: boolean): number {
  const beyondGuard = crashLoopAt(maxAttempts, keepsOrder) + 5;
  return keepsOrder ? Math.max(beyondGuard, IN_ORDER_BROKER_DELIVERIES) : beyondGuard;
}
