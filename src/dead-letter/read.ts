import type { Delivery } from "../driver/contract.ts";
import { decode } from "../message/envelope.ts";
import type { Message } from "../message/message.ts";
import type { DeadLetter, DeadLetterFilter } from "../queue/dead-letters.ts";
import { fingerprintOf } from "../message/fingerprint.ts";
import { type DeadLetterInfo, decodeInfo, originalAttributes } from "../message/dead-letter-info.ts";

/** Reads a message of the dead-letter queue of `queue`. */
export function readDeadLetter(delivery: Delivery, queue: string, now: number): DeadLetter {
  const attributes = originalAttributes(delivery.attributes);
  const recorded = decodeInfo(delivery.attributes);
  // In the dead-letter queue each copy has a key of its own; the key of the message was recorded.
  const orderingKey = recorded?.orderingKey ?? delivery.orderingKey;
  const decoded = decode({ ...delivery, attributes, orderingKey }, now);
  const message = decoded.ok ? decoded.message : undefined;
  const info = recorded ?? brokersInfo(delivery, queue, message, now);
  return {
    id: message?.id ?? delivery.brokerId,
    info,
    message,
    body: delivery.body,
    fingerprint: fingerprintOf(message?.type, info),
  };
}

/** Information about a message that the broker dead-lettered on its own. */
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

/** Whether a dead letter meets every condition of the filter. */
export function matches({ id, info, message, fingerprint }: DeadLetter, filter: DeadLetterFilter): boolean {
  if (filter.ids !== undefined && !filter.ids.includes(id)) return false;
  if (filter.type !== undefined && message?.type !== filter.type) return false;
  if (filter.reason !== undefined && info.reason !== filter.reason) return false;
  if (filter.fingerprint !== undefined && fingerprint !== filter.fingerprint) return false;
  if (filter.since !== undefined && info.at < filter.since) return false;
  return filter.until === undefined || info.at <= filter.until;
}
