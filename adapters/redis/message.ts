import { createHash } from "node:crypto";
import type { Attributes, Body, Delivery, Outgoing } from "../../src/driver/index.ts";
import type { AttributesWriter } from "../sql/queue/message-row.ts";

/** The fence of a delivery: a settlement applies only if the message is leased and still has this count. */
export interface Receipt {
  readonly id: string;
  readonly deliveries: number;
  /** The key queue of a message with an ordering key; empty for another one. */
  readonly keyQueue: string;
}

/** The parts of a message other than its body, in one line of JSON. */
interface Head {
  readonly a: Attributes;
  /** The ordering key. */
  readonly k?: string;
  /** 1 if the body is bytes, as base64. */
  readonly x?: 1;
}

/**
 * Packs a message as one value: its head, a line break, its body. The script writes the time of the server and nothing else in
 * front of it.
 */
export function pack({ body, attributes, orderingKey }: Outgoing, writer: AttributesWriter): string {
  const isText = typeof body === "string";
  const key = orderingKey === undefined ? "" : `,"k":${JSON.stringify(orderingKey)}`;
  const head = `{"a":${writer.write(attributes)}${key}${isText ? "" : ',"x":1'}}`;
  return `${head}\n${isText ? body : Buffer.from(body).toString("base64")}`;
}

/**
 * Unpacks a claimed message.
 * @param packed the time of the server, and what {@link pack} has returned
 * @param leaseUntil the end of the lease by the clock of this process
 */
export function unpack(receipt: Receipt, packed: string, leaseUntil: number): Delivery {
  const start = packed.indexOf("{");
  const end = packed.indexOf("\n", start);
  const head = JSON.parse(packed.slice(start, end)) as Head;
  const text = packed.slice(end + 1);
  const body: Body = head.x === 1 ? Buffer.from(text, "base64") : text;
  return {
    body,
    attributes: head.a,
    deliveryCount: receipt.deliveries,
    leaseUntil,
    enqueuedAt: Number(packed.slice(0, start)),
    brokerId: receipt.id,
    orderingKey: head.k,
    receipt,
  };
}

/** The name of the key queue of an ordering key: 16 characters, whatever the key. Two keys that share one only share an order. */
export function keyQueueOf(orderingKey: string | undefined): string {
  if (orderingKey === undefined) return "";
  return createHash("sha1").update(orderingKey).digest("hex").slice(0, 16);
}
