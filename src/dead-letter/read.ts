import type { Delivery } from "../driver/contract.ts";
import { decode } from "../message/envelope.ts";
import type { Message } from "../message/message.ts";
import type { DeadLetterInfo } from "../message/dead-letter-info.ts";
import type { DeadLetter } from "../queue/dead-letters.ts";
import { fingerprintOf } from "../message/fingerprint.ts";
import { decodeInfo, originalAttributes } from "../message/dead-letter-info.ts";

/** What lies in the dead-letter queue of `queue`, as its user sees it. */
export function readDeadLetter(delivery: Delivery, queue: string, now: number): DeadLetter {
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
