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
  /** The key queue of its ordering key on an ordered queue; null outside of one. */
  readonly keyQueue: number | string | null;
  /** The number that a settlement is compared with, if it is another than the count of deliveries. Each claim raises it. */
  readonly fence?: number | null | undefined;
}

/** The part of a delivery by which it is settled. A settlement applies only if the message still has this fence. */
export interface Receipt {
  readonly id: number | string;
  readonly fence: number;
  /** Undefined for a message outside of a key queue. */
  readonly keyQueue: number | string | undefined;
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
  const { id, deliveries, body, attributes, key, enqueuedAt, keyQueue, fence } = row;
  const receipt: Receipt = { id, fence: fence ?? deliveries, keyQueue: keyQueue ?? undefined };
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
