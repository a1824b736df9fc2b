import type { Delivery } from "../driver/contract.ts";
import { decode } from "../message/decode.ts";
import type { Reading } from "../message/format.ts";
import type { Message } from "../message/message.ts";
import type { DeadLetter, DeadLetterFilter } from "../queue/dead-letters.ts";
import { fingerprintOf } from "../message/fingerprint.ts";
import {
  brokerText,
  type DeadLetterInfo,
  decodeInfo,
  originalAttributes,
} from "../message/dead-letter-info.ts";

/**
 * Deepest payload that is shown. A deeper one can be parsed, and breaks whatever prints it: `JSON.stringify` and most
 * programs recurse.
 */
const MAX_DEPTH = 1_000;

/**
 * Reads a message of the dead-letter queue of `queue`. Never throws: a message that another program has put there has a
 * problem, and the others are read.
 */
export function readDeadLetter(
  delivery: Delivery,
  queue: string,
  now: number,
  reading?: Reading,
): DeadLetter {
  const attributes = originalAttributes(delivery.attributes);
  const arrivedAt = dateOf(delivery.enqueuedAt ?? now, now);
  const recorded = decodeInfo(delivery.attributes, arrivedAt);
  // In the dead-letter queue each copy has a key of its own; the key of the message was recorded.
  const orderingKey = recorded.info?.orderingKey ?? delivery.orderingKey;
  const decoded = decode({ ...delivery, attributes, orderingKey }, now, reading);
  const isDeep = decoded.message !== undefined && isDeeper(decoded.message.payload, MAX_DEPTH);
  const message = isDeep ? undefined : decoded.message;
  const info = recorded.info ?? brokersInfo(delivery, queue, message, arrivedAt);
  const problems = [
    decoded.ok ? undefined : decoded.problem,
    isDeep ? `its payload is nested deeper than ${MAX_DEPTH} levels` : undefined,
    recorded.problem,
  ].filter((problem) => problem !== undefined);
  return {
    id: message?.id ?? delivery.brokerId,
    info,
    message,
    body: delivery.body,
    attributes,
    problem: problems.length === 0 ? undefined : problems.join("; "),
    fingerprint: fingerprintOf(message?.type, info),
  };
}

function dateOf(ms: number, otherwise: number): Date {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? new Date(otherwise) : date;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((part) => isDeeper(part, levels - 1));
}

/** Information about a message that the broker dead-lettered on its own. */
function brokersInfo(
  { deadLetter, deliveryCount }: Delivery,
  source: string,
  message: Message | undefined,
  at: Date,
): DeadLetterInfo {
  return {
    reason: deadLetter === undefined ? "broker" : `broker:${brokerText(deadLetter.reason)}`,
    error: brokerText(deadLetter?.description ?? ""),
    attempts: deliveryCount,
    source,
    at,
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
