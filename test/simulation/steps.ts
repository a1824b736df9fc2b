import type { Operation, Outgoing } from "../../src/driver/index.ts";
import type { QueueNames } from "./ledger.ts";
import type { Step } from "./plan.ts";

/** The step of a send, derived from its first message. */
export function sendStep(
  queue: string,
  [first]: readonly Outgoing[],
  names: QueueNames,
  isCopy: boolean,
): Step {
  if (queue === names.deadLetters) return "send dead letter";
  if (queue === names.delayQueue) return "send delayed";
  if (!isCopy) return "send first";
  const isRetry = first?.attributes["qp_attempt"] !== undefined;
  return isRetry || first?.attributes["qp_unknown_since"] !== undefined ? "send copy" : "send due";
}

export function receiveStep(queue: string, names: QueueNames): Step {
  return queue === names.delayQueue ? "receive delayed" : "receive";
}

/** The step of a settlement, derived from its first operation. */
export function settleStep(queue: string, [first]: readonly Operation[], names: QueueNames): Step {
  if (queue === names.delayQueue) return "settle delayed";
  return `settle ${first?.kind ?? "ack"}`;
}
