import { expect, test } from "vitest";
import { deliveryOf } from "../../../adapters/pubsub/delivery.ts";
import { traitsOf } from "../../../adapters/pubsub/traits.ts";

const message = {
  data: Buffer.from("{}"),
  attributes: { type: "job" },
  messageId: "7",
  publishTime: { seconds: "1700000000", nanos: 123_456_789 },
  orderingKey: "k",
};

test("a delivery has the content of the received message", () => {
  const delivery = deliveryOf({ ackId: "a", message, deliveryAttempt: 3 }, 99, true);
  expect(delivery).toMatchObject({
    attributes: { type: "job" },
    deliveryCount: 3,
    leaseUntil: 99,
    enqueuedAt: 1_700_000_000_123,
    brokerId: "7",
    orderingKey: "k",
    deadLetter: undefined,
  });
  expect(Buffer.from(delivery.body as Uint8Array).toString()).toBe("{}");
});

test("a message without a count has the delivery count 1", () => {
  expect(deliveryOf({ ackId: "a", message, deliveryAttempt: 0 }, 0, true).deliveryCount).toBe(1);
});

test("a delivery of an unordered subscription has no ordering key", () => {
  expect(deliveryOf({ ackId: "a", message }, 0, false).orderingKey).toBeUndefined();
});

test("a message that the dead-letter policy has moved has a reason, and loses the policy's attributes", () => {
  const attributes = {
    type: "job",
    CloudPubSubDeadLetterSourceDeliveryCount: "5",
    CloudPubSubDeadLetterSourceSubscription: "emails",
    CloudPubSubDeadLetterSourceSubscriptionProject: "p",
    CloudPubSubDeadLetterSourceTopicPublishTime: "2026-01-01T00:00:00Z",
  };
  const delivery = deliveryOf({ ackId: "a", message: { ...message, attributes } }, 0, false);
  expect(delivery.attributes).toEqual({ type: "job" });
  expect(delivery.deadLetter).toEqual({
    reason: "max_delivery_attempts",
    description: "delivered 5 times from the subscription emails",
  });
});

test("deliveries are counted only with a dead-letter policy", () => {
  expect(traitsOf("emails", { enableMessageOrdering: false, deadLetterPolicy: null })).toEqual({
    ordering: "none",
    orderingKeyRequired: false,
    dedupWindowMs: 0,
    deadLetter: "copy",
    deadLetterQueue: "emails-dlq",
    delayQueue: "emails-delay",
    nativeDelayMs: 0,
    brokerMaxDeliveries: undefined,
    countsDeliveries: false,
  });
  const deadLetterPolicy = { deadLetterTopic: "projects/p/topics/emails-dlq", maxDeliveryAttempts: 15 };
  expect(traitsOf("emails", { enableMessageOrdering: true, deadLetterPolicy })).toMatchObject({
    ordering: "by_key",
    brokerMaxDeliveries: 15,
    countsDeliveries: true,
  });
});
