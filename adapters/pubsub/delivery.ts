import type { protos } from "@google-cloud/pubsub";
import type { Delivery } from "../../src/driver/index.ts";

type ReceivedMessage = protos.google.pubsub.v1.IReceivedMessage;
type Timestamp = protos.google.protobuf.ITimestamp;

/** What the source keeps of a delivery from its receipt to its verdict. */
export interface Receipt {
  readonly ackId: string;
  /** By this process's clock; 0 once it was given back. */
  leaseUntil: number;
  /** An exactly-once subscription refuses a second acknowledgement of what it took. */
  acked: boolean;
}

/** With these, Pub/Sub marks what its own dead-letter policy has moved. */
const NATIVE = "CloudPubSubDeadLetterSource";
const NATIVE_COUNT = `${NATIVE}DeliveryCount`;
const NATIVE_SUBSCRIPTION = `${NATIVE}Subscription`;

export function deliveryOf(
  { ackId, message, deliveryAttempt }: ReceivedMessage,
  leaseUntil: number,
  ordered: boolean,
): Delivery {
  const { attributes, deadLetter } = split(message?.attributes ?? {});
  const key = message?.orderingKey ?? "";
  return {
    body: bytes(message?.data),
    attributes,
    // 0 where there is no dead-letter policy, and nothing is counted.
    deliveryCount: Math.max(1, deliveryAttempt ?? 1),
    leaseUntil,
    enqueuedAt: epochMs(message?.publishTime),
    brokerId: message?.messageId ?? "",
    orderingKey: ordered && key !== "" ? key : undefined,
    deadLetter,
    receipt: { ackId: ackId ?? "", leaseUntil, acked: false } satisfies Receipt,
  };
}

export function receiptOf(delivery: Delivery): Receipt {
  return delivery.receipt as Receipt;
}

/** The marks of the broker's own policy are no part of the message: redriven, it must not carry them on. */
function split(all: Readonly<Record<string, string>>): Pick<Delivery, "attributes" | "deadLetter"> {
  if (all[NATIVE_COUNT] === undefined && all[NATIVE_SUBSCRIPTION] === undefined)
    return { attributes: all, deadLetter: undefined };
  const own = Object.entries(all).filter(([name]) => !name.startsWith(NATIVE));
  return {
    attributes: Object.fromEntries(own),
    deadLetter: {
      reason: "max_delivery_attempts",
      description: `delivered ${all[NATIVE_COUNT] ?? "too many"} times from the subscription ${all[NATIVE_SUBSCRIPTION] ?? ""}`,
    },
  };
}

function bytes(data: Uint8Array | string | null | undefined): Uint8Array {
  return typeof data === "string" ? Buffer.from(data, "base64") : (data ?? new Uint8Array());
}

function epochMs(time: Timestamp | null | undefined): number | undefined {
  if (time === undefined || time === null) return undefined;
  return Number(time.seconds ?? 0) * 1_000 + Math.floor((time.nanos ?? 0) / 1_000_000);
}
