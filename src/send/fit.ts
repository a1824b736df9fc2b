import type { Outgoing } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import { messageBytes } from "../driver/size.ts";
import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** Bytes of every size limit that are reserved for the attribute of a dead letter. */
export const RESERVED_BYTES = 4_096;

/** Bytes of a message as the provider counts them; 0 if there is no limit. */
export function outgoingBytes({ body, attributes, orderingKey, dedupId }: Outgoing, limits: Limits): number {
  const most = Math.min(limits.maxMessageBytes, limits.maxBatchBytes);
  if (most === Number.POSITIVE_INFINITY) return 0;
  return messageBytes(body, attributes, limits) + (orderingKey?.length ?? 0) + (dedupId?.length ?? 0);
}

/** @throws QueueError `too_large` for a message that the provider would never accept */
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

/**
 * Checks that a first send leaves room for its dead letter. Returns its bytes.
 * @throws QueueError `too_large`
 */
export function checkFirstSend(
  queue: string,
  outgoing: Outgoing,
  limits: Limits,
  { maxMessageBytes = limits.maxMessageBytes }: Pick<QueueTraits, "maxMessageBytes"> = {},
): number {
  const ofProvider = Math.min(limits.maxMessageBytes, limits.maxBatchBytes);
  const own = Math.min(ofProvider, maxMessageBytes);
  if (own === Number.POSITIVE_INFINITY) return 0;
  // A queue may take very small messages only.
  const reserved = Math.min(RESERVED_BYTES, Math.floor(own / 2));
  // Without a limit of the provider, bytes are counted for that of the queue.
  const counting = ofProvider === Number.POSITIVE_INFINITY ? { ...limits, maxMessageBytes: own } : limits;
  const bytes = outgoingBytes(outgoing, counting);
  const most = own - reserved;
  if (bytes > most)
    throw tooLarge(queue, bytes, most, `, as ${reserved} are reserved for the reason of a dead letter`);
  return bytes;
}

function tooLarge(queue: string, bytes: number, most: number, why = ""): QueueError {
  return new QueueError(
    "too_large",
    `The message has ${bytes} bytes; queue "${queue}" takes ${most}${why}. Store the data elsewhere and send a reference to it.`,
    { queue },
  );
}
