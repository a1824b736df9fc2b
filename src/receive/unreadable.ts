import type { Delivery } from "../driver/contract.ts";
import type { Message } from "../message/message.ts";

/** Stands for a message whose body cannot be read, on its way to the dead letters. */
export function unreadable({ brokerId, attributes, enqueuedAt }: Delivery, now: number): Message {
  const type = attributes["type"] ?? "malformed";
  return {
    id: brokerId,
    type,
    payload: null,
    headers: {},
    maxAttempts: 1,
    createdAt: new Date(enqueuedAt ?? now),
  };
}
