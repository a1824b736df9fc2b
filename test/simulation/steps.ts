import type { Operation, Outgoing } from "../../src/driver/index.ts";
import type { QueueNames } from "./ledger.ts";
import type { Step } from "./plan.ts";

/** What a send is for, judged by its first message. */
export function sendStep(
  queue: string,
  [first]: readonly Outgoing[],
  names: QueueNames,
  isClone: boolean,
): Step {
  if (queue === names.deadLetters) return "send dead letter";
  if (queue === names.parking) return "send parked";
  if (!isClone) return "send first";
  const isRetry = first?.attributes["qp_attempt"] !== undefined;
  return isRetry || first?.attributes["qp_unknown_since"] !== undefined ? "send clone" : "send due";
}

export function receiveStep(queue: string, names: QueueNames): Step {
  return queue === names.parking ? "receive parked" : "receive";
}

/** What a settlement does, judged by its first operation. */
export function settleStep(queue: string, [first]: readonly Operation[], names: QueueNames): Step {
  if (queue === names.parking) return "settle parked";
  return `settle ${first?.kind ?? "ack"}`;
}
