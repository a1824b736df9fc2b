import { defaults } from "../defaults.ts";

/** On a queue that keeps order, a message that is given back cannot be replaced by a fresh copy: more is allowed for. */
const IN_ORDER_MARGIN = 25;

/**
 * The delivery of one copy at which it is taken for a message that kills its process: only failed runs use up
 * attempts, so no message that behaves gets there.
 */
export function crashLoopAt(maxAttempts: number, keepsOrder: boolean): number {
  return maxAttempts + (keepsOrder ? IN_ORDER_MARGIN : defaults.crashLoopMargin);
}

/**
 * On a queue that keeps order, the broker counts as deliveries what was given back behind a head that failed, and
 * knows nothing of it. As much as every provider allows.
 */
const IN_ORDER_BROKER_DELIVERIES = 100;

/** What the broker's own limit has to be at least, so that it never acts before the guard. */
export function brokerMaxDeliveries(maxAttempts: number, keepsOrder: boolean): number {
  const beyondGuard = crashLoopAt(maxAttempts, keepsOrder) + 5;
  return keepsOrder ? Math.max(beyondGuard, IN_ORDER_BROKER_DELIVERIES) : beyondGuard;
}
