import type { Outgoing } from "../driver/contract.ts";
import type { Limits } from "../driver/limits.ts";
import { messageBytes } from "../driver/size.ts";
import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** Of every size limit, kept free for what a dead letter adds. */
export const RESERVED_BYTES = 4_096;

/** What a message counts against the limits; 0 where there are none. */
export function outgoingBytes({ body, attributes, orderingKey, dedupId }: Outgoing, limits: Limits): number {
  const most = Math.min(limits.maxMessageBytes, limits.maxBatchBytes);
  if (most === Number.POSITIVE_INFINITY) return 0;
  return messageBytes(body, attributes, limits) + (orderingKey?.length ?? 0) + (dedupId?.length ?? 0);
}

/** Refuses, before anything is sent, what the provider never takes. */
export function checkFits(queue: string, { attributes }: Outgoing, bytes: number, limits: Limits): void {
  const most = Math.min(limits.maxMessageBytes, limits.maxBatchBytes);
  if (bytes > most) throw tooLarge(queue, bytes, most);
  let count = 0;
  for (const name in attributes) {
    count += 1;
    const value = attributes[name] as string;
    if (
      value.length > limits.maxAttributeBytes ||
      (value.length * 3 > limits.maxAttributeBytes && Buffer.byteLength(value) > limits.maxAttributeBytes)
    ) {
      throw new QueueError(
        "too_large",
        `The attribute ${show(name)} has more than the ${limits.maxAttributeBytes} bytes that queue "${queue}" takes. Shorten it.`,
        { queue },
      );
    }
  }
  if (count > limits.maxAttributes) {
    throw new QueueError(
      "too_large",
      `The message has ${count} attributes; queue "${queue}" takes ${limits.maxAttributes}.`,
      { queue },
    );
  }
}

/** A first send leaves room for its own dead letter. Returns its bytes. */
export function checkFirstSend(queue: string, outgoing: Outgoing, limits: Limits): number {
  const most = Math.min(limits.maxMessageBytes, limits.maxBatchBytes) - RESERVED_BYTES;
  const bytes = outgoingBytes(outgoing, limits);
  if (bytes > most)
    throw tooLarge(queue, bytes, most, `, as ${RESERVED_BYTES} are kept for why it may be dead-lettered`);
  return bytes;
}

function tooLarge(queue: string, bytes: number, most: number, why = ""): QueueError {
  return new QueueError(
    "too_large",
    `The message has ${bytes} bytes; queue "${queue}" takes ${most}${why}. Store the data elsewhere and send a reference to it.`,
    { queue },
  );
}
