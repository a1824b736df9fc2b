import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { Attributes, Body, Delivery } from "../../src/driver/index.ts";

/** How one delivery is settled. */
export interface Receipt {
  readonly message: ServiceBusReceivedMessage;
  /** Extends the lock; returns until when. */
  readonly extend: () => Promise<number>;
  /** Whoever delivered it, and can settle it. */
  readonly settler: Settler;
  /** Called once, when it is settled or lost; and whether its link has said so. */
  readonly done: (onLink: boolean) => void;
  /** Aborts when the link that it came on is gone: answers on that link never come. */
  readonly linkGone: AbortSignal;
  /** What it was settled as, once that is confirmed. */
  settledAs?: string;
  /** A settlement of it was tried on its link, and not confirmed. */
  wasTried?: boolean;
  /** Its link has answered a settlement of it, whatever it said. */
  wasAnswered?: boolean;
}

/** The part of the SDK's receivers that settles. */
export type Settler = Pick<ServiceBusReceiver, "completeMessage" | "abandonMessage" | "deadLetterMessage">;

/** Application properties by which dead letters say why they are. */
const NOTES: ReadonlySet<string> = new Set(["DeadLetterReason", "DeadLetterErrorDescription"]);

export function deliveryOf(receipt: Receipt, leaseUntil: number, isDeadLetter: boolean): Delivery {
  const { message } = receipt;
  const { deadLetterReason: reason, deadLetterErrorDescription: description } = message;
  const failed = message.deliveryCount ?? 0;
  return {
    body: bodyOf(message.body),
    attributes: attributesOf(message),
    // The service counts the deliveries that failed. To be looked at as a dead letter is none that counts.
    deliveryCount: isDeadLetter ? Math.max(1, failed) : failed + 1,
    leaseUntil,
    enqueuedAt: message.enqueuedTimeUtc?.getTime(),
    brokerId: String(message.sequenceNumber),
    orderingKey: message.sessionId,
    deadLetter: reason === undefined ? undefined : { reason, description },
    receipt,
  };
}

/** AMQP has moments that no Date can hold. */
function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? String(date) : date.toISOString();
}

/** Who sends by another library may send text, or a value. */
function bodyOf(body: unknown): Body {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  return JSON.stringify(body) ?? "";
}

function attributesOf({ applicationProperties = {} }: ServiceBusReceivedMessage): Attributes {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(applicationProperties))
    if (!NOTES.has(name) && value !== null)
      attributes[name] = value instanceof Date ? dateText(value) : String(value);
  return attributes;
}
