import type { Operation, Outgoing } from "../../src/driver/index.ts";
import type { Step } from "./plan.ts";

/** The purpose of a queue in a simulation. */
export type QueueRole = "main" | "delay queue" | "dead letters";

/** The step of a send, derived from its first message. */
export function sendStep(role: QueueRole, [first]: readonly Outgoing[], isCopy: boolean): Step {
  if (role === "dead letters") return "send dead letter";
  if (role === "delay queue") return "send delayed";
  if (!isCopy) return "send first";
  const isRetry = first?.attributes["qp_attempt"] !== undefined;
  return isRetry || first?.attributes["qp_unknown_since"] !== undefined ? "send copy" : "send due";
}

export function receiveStep(role: QueueRole): Step {
  if (role === "dead letters") return "receive dead letters";
  return role === "delay queue" ? "receive delayed" : "receive";
}

/** The step of a settlement, derived from its first operation. */
export function settleStep(role: QueueRole, [first]: readonly Operation[]): Step {
  if (role === "dead letters") return "settle dead letters";
  if (role === "delay queue") return "settle delayed";
  return `settle ${first?.kind ?? "ack"}`;
}
