import type { Attributes, Body, Delivery } from "../../../src/driver/index.ts";

/** A claimed message, as a table has it. Times are in epoch milliseconds. */
export interface MessageRow {
  readonly id: number | string;
  /** The deliveries so far, including this one. */
  readonly deliveries: number;
  readonly body: Body;
  /** The JSON of an object of strings. */
  readonly attributes: string;
  readonly key: string | null;
  readonly enqueuedAt: number;
  /** The key queue of its ordering key, and the epoch in which the key queue was claimed; null outside of a key queue. */
  readonly keyQueue: number | string | null;
  readonly epoch: number | null;
}

/**
 * The fence of a delivery. A settlement applies only if the message still has this count, or its key queue this epoch: each claim
 * raises both.
 */
export interface Receipt {
  readonly id: number | string;
  readonly deliveries: number;
  /** Undefined for a message outside of a key queue. */
  readonly keyQueue?: { readonly id: number | string; readonly epoch: number } | undefined;
}

/** Writes the attributes of messages as JSON. Many messages share one object, so the text of the last one is kept. */
export class AttributesWriter {
  #last: Attributes | undefined;
  #text = "{}";

  write(attributes: Attributes): string {
    if (attributes !== this.#last) {
      this.#last = attributes;
      this.#text = JSON.stringify(attributes);
    }
    return this.#text;
  }
}

/** @param leaseUntil the end of the lease by the clock of this process */
export function deliveryOf(row: MessageRow, leaseUntil: number): Delivery {
  const { id, deliveries, body, attributes, key, enqueuedAt, keyQueue, epoch } = row;
  const receipt: Receipt = {
    id,
    deliveries,
    ...(keyQueue === null || epoch === null ? {} : { keyQueue: { id: keyQueue, epoch } }),
  };
  return {
    body,
    attributes: JSON.parse(attributes) as Attributes,
    deliveryCount: deliveries,
    leaseUntil,
    enqueuedAt,
    brokerId: String(id),
    orderingKey: key ?? undefined,
    receipt,
  };
}

export function receiptOf({ receipt }: Delivery): Receipt {
  return receipt as Receipt;
}
