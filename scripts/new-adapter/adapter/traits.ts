import { type QueueTraits, siblingQueue } from "../../../src/driver/index.ts";
import type { QueueSettings } from "./clients.ts";
import { templateLimits } from "./limits.ts";

/** The traits of a queue, from its settings on the server. */
export function traitsOf(queue: string, { ordered }: QueueSettings): QueueTraits {
  return {
    ordering: ordered ? "by_key" : "none",
    orderingKeyRequired: false,
    dedupWindowMs: 0,
    deadLetter: "copy",
    deadLetterQueue: siblingQueue(queue, "-dlq"),
    delayQueue: siblingQueue(queue, "-delay"),
    nativeDelayMs: templateLimits.nativeDelayMs,
    countsDeliveries: true,
  };
}
