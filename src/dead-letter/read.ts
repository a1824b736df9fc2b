import type { Delivery } from "../driver/contract.ts";
import { decode } from "../envelope.ts";
import type { Message } from "../message.ts";
import type { DeadLetter, DeadLetterInfo } from "./dead-letters.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { decodeInfo, originalAttributes } from "./letter.ts";

/** What lies in the dead-letter queue of `queue`, as its user sees it. */
export function readLetter(delivery: Delivery, queue: string, now: number): DeadLetter {
  const attributes = originalAttributes(delivery.attributes);
  const noted = decodeInfo(delivery.attributes);
  // Among dead letters a message has a key of its own; what is read is the one that it came with.
  const orderingKey = noted === undefined ? delivery.orderingKey : noted.orderingKey;
  const decoded = decode({ ...delivery, attributes, orderingKey }, now);
  const message = decoded.ok ? decoded.message : undefined;
  const info = noted ?? brokersInfo(delivery, queue, message, now);
  return {
    id: message?.id ?? delivery.brokerId,
    info,
    message,
    body: delivery.body,
    fingerprint: fingerprintOf(message?.type, info),
  };
}

/** For what the broker put there by itself, without a word of ours. */
function brokersInfo(
  { deadLetter, enqueuedAt, deliveryCount }: Delivery,
  source: string,
  message: Message | undefined,
  now: number,
): DeadLetterInfo {
  return {
    reason: deadLetter === undefined ? "broker" : `broker:${deadLetter.reason}`,
    error: deadLetter?.description ?? "",
    attempts: deliveryCount,
    source,
    at: new Date(enqueuedAt ?? now),
    firstSeenAt: message?.createdAt,
  };
}
