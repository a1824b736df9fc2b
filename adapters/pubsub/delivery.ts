import type { protos } from "@google-cloud/pubsub";
import type { Delivery } from "../../src/driver/index.ts";

type ReceivedMessage = protos.google.pubsub.v1.IReceivedMessage;
type Timestamp = protos.google.protobuf.ITimestamp;

/** The receipt of a delivery: the data that the source needs to settle it. */
export interface Receipt {
  readonly ackId: string;
  /** Milliseconds of the monotonic clock. 0 after a release. */
  leaseUntil: number;
  /** Whether it was acknowledged. An exactly-once subscription refuses a second acknowledgement. */
  acked: boolean;
}

/** The prefix of the attributes that Pub/Sub adds to messages that its dead-letter policy has moved. */
const NATIVE = "CloudPubSubDeadLetterSource";
const NATIVE_COUNT = `${NATIVE}DeliveryCount`;
const NATIVE_SUBSCRIPTION = `${NATIVE}Subscription`;

/** @param leaseUntil milliseconds of the monotonic clock. The source states the time of day when it hands the message out. */
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
    // 0 without a dead-letter policy: nothing is counted then.
    deliveryCount: Math.max(1, deliveryAttempt ?? 1),
    leaseUntil,
    enqueuedAt: epochMs(message?.publishTime),
    brokerId: message?.messageId ?? "",
    orderingKey: ordered && key !== "" ? key : undefined,
    // A subscription that keeps no order ignores the key, and other subscriptions of the topic may keep it.
    native: ordered || key === "" ? undefined : key,
    deadLetter,
    receipt: { ackId: ackId ?? "", leaseUntil, acked: false } satisfies Receipt,
  };
}

export function receiptOf(delivery: Delivery): Receipt {
  return delivery.receipt as Receipt;
}

/** Separates the attributes of the broker's policy from the message's own, so that a redrive does not send them. */
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
