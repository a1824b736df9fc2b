import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { Attributes, Body, Delivery } from "../../src/driver/index.ts";
import { nativeOf, propertyText, UNWRITABLE } from "./native.ts";

/** The data of one delivery that its settlement needs. */
export interface ServiceBusReceipt {
  readonly message: ServiceBusReceivedMessage;
  /** Renews the lock. Resolves with its new end, in epoch milliseconds. */
  readonly extend: () => Promise<number>;
  /** The receiver that settles the message. */
  readonly settler: Settler;
  /** Called when the message is settled or lost. `onLink` is true if the message's own link has answered. */
  readonly done: (onLink: boolean) => void;
  /** Aborts when the link of the message is gone, so that answers on that link will never arrive. */
  readonly linkGone: AbortSignal;
  /** The kind of the confirmed settlement. */
  settledAs?: string;
  /** True once a settlement on the link was attempted. */
  wasTried?: boolean;
  /** True once the link has answered a settlement, with success or failure. */
  wasAnswered?: boolean;
}

/** The methods of the SDK's receivers that settle. */
export type Settler = Pick<ServiceBusReceiver, "completeMessage" | "abandonMessage" | "deadLetterMessage">;

/** Application properties in which Service Bus states why a message was dead-lettered. */
const DEAD_LETTER_PROPERTIES: ReadonlySet<string> = new Set([
  "DeadLetterReason",
  "DeadLetterErrorDescription",
]);

export function deliveryOf(receipt: ServiceBusReceipt, leaseUntil: number, isDeadLetter: boolean): Delivery {
  const { message } = receipt;
  const { deadLetterReason: reason, deadLetterErrorDescription: description } = message;
  const failed = message.deliveryCount ?? 0;
  return {
    body: bodyOf(message),
    attributes: attributesOf(message),
    // Service Bus counts failed deliveries, without the present one. Reading a dead letter is no delivery to count.
    deliveryCount: isDeadLetter ? Math.max(1, failed) : failed + 1,
    leaseUntil,
    enqueuedAt: message.enqueuedTimeUtc?.getTime(),
    brokerId: String(message.sequenceNumber),
    orderingKey: message.sessionId,
    native: nativeOf(message, isDeadLetter),
    deadLetter: reason === undefined ? undefined : { reason, description },
    receipt,
  };
}

/** The body as text or bytes. Messages from other libraries may contain any AMQP value, or several sections of data. */
function bodyOf({ body, _rawAmqpMessage: raw }: ServiceBusReceivedMessage): Body {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  // The SDK hands several data sections over as a list of their bytes. Together they are the body.
  if (raw?.bodyType === "data" && Array.isArray(body)) return Buffer.concat(body as readonly Uint8Array[]);
  try {
    return JSON.stringify(body) ?? "";
  } catch {
    // Nested deeper than JSON can be written. Such a body is no message of ours, and Service Bus keeps it as it is.
    return UNWRITABLE;
  }
}

function attributesOf({ applicationProperties = {} }: ServiceBusReceivedMessage): Attributes {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(applicationProperties))
    if (!DEAD_LETTER_PROPERTIES.has(name) && value !== null) attributes[name] = propertyText(value);
  return attributes;
}
