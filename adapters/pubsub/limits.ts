import type { Limits } from "../../src/driver/index.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const MIB = 1_048_576;

/**
 * The shortest and the longest ack deadline, in seconds. A shorter lease is rounded up to the shortest.
 * https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#Subscription.FIELDS.ack_deadline_seconds (2026-11)
 */
export const MIN_LEASE_SECONDS = 10;
export const MAX_LEASE_SECONDS = 600;

/**
 * The prefix of the names of attributes that Pub/Sub sets itself, and refuses from a publisher. It stamps
 * `googclient_schemaencoding` and others on each message of a topic with a schema.
 * https://cloud.google.com/pubsub/docs/publish-message-overview (2026-11)
 */
export const RESERVED_ATTRIBUTE_PREFIX = "goog";

/**
 * The limits of Google Pub/Sub. Each has the page that states it and the month in which that page was read, or
 * "Chosen" if Pub/Sub has no such limit. Google's emulator does not enforce most of them.
 */
export const pubsubLimits: Limits = {
  // Chosen: half of the 1,000 messages that a request may have, so that the next one is written while this one is sent.
  // https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
  maxBatch: 500,
  // A request has at most 10 MB, its framing included. Google's client library fills it up to 9 MiB:
  // https://github.com/googleapis/google-cloud-node/blob/main/handwritten/pubsub/src/publisher/index.ts (2026-11)
  maxBatchBytes: 9 * MIB,
  // https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
  maxMessageBytes: 10_000_000,
  // The limit is that of the request: the name of the topic, an ordering key and the framing count towards it.
  // https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
  messageOverheadBytes: 1_536,
  // The framing of a map entry in protobuf:
  // https://protobuf.dev/programming-guides/encoding/#maps (2026-11)
  attributeOverheadBytes: 12,
  // https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
  maxAttributes: 100,
  // https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
  maxAttributeBytes: 1_024,
  // https://cloud.google.com/pubsub/docs/publish-message-overview (2026-11)
  reservedAttributePrefix: RESERVED_ATTRIBUTE_PREFIX,
  // A message has no field for a delay:
  // https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage (2026-11)
  nativeDelayMs: 0,
  // Ack deadlines, by which delays are made, are whole seconds:
  // https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/modifyAckDeadline (2026-11)
  delayGranularityMs: SECOND,
  // Chosen: a pull may bring fewer messages than it asks for, so asking for more rarely brings more.
  // https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/pull (2026-11)
  maxReceive: 1_000,
  // Chosen: 8 pulls of 1,000 messages fetch for 8,000 handlers.
  maxPolls: 8,
  // Chosen: a stop waits for the pull that is under way, so the pull must not be much longer than a drain.
  longPollMs: 20 * SECOND,
  // An acknowledge request has at most 512 KiB. An ack id has about 200 bytes, and at most 400:
  // https://github.com/googleapis/google-cloud-node/blob/main/handwritten/pubsub/src/message-queues.ts (2026-11)
  maxSettleBatch: 1_000,
  // Chosen: each request costs, and a thousand acknowledgements share one.
  settleLingerMs: 5,
  // https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/modifyAckDeadline (2026-11)
  maxReleaseDelayMs: MAX_LEASE_SECONDS * SECOND,
  // https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/modifyAckDeadline (2026-11)
  maxHopMs: MAX_LEASE_SECONDS * SECOND,
  // https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/modifyAckDeadline (2026-11)
  maxLeaseMs: MAX_LEASE_SECONDS * SECOND,
  // An ack deadline can be extended any number of times:
  // https://cloud.google.com/pubsub/docs/lease-management (2026-11)
  maxTotalLeaseMs: Number.POSITIVE_INFINITY,
  // Only a client's own flow control limits the outstanding messages of a subscription:
  // https://cloud.google.com/pubsub/docs/flow-control-messages (2026-11)
  maxInFlight: Number.POSITIVE_INFINITY,
  // The default of a subscription that queueport did not create:
  // https://cloud.google.com/pubsub/docs/subscription-properties#message_retention_duration (2026-11)
  retentionMs: 7 * DAY,
  // No method of the API cancels a message:
  // https://cloud.google.com/pubsub/docs/reference/rest (2026-11)
  cancel: false,
  // Chosen: `ensure` creates topics and subscriptions; a send or a pull does not.
  createsQueues: false,
};

/**
 * The longest wait of a pull, in seconds. Chosen: the time limit that Google's client library sets for a pull.
 */
export const MAX_WAIT_SECONDS = 60;

/**
 * The longest ordering key and the longest name of an attribute, in bytes.
 * https://cloud.google.com/pubsub/quotas#resource_limits (2026-11)
 */
export const MAX_ORDERING_KEY_BYTES = 1_024;
export const MAX_ATTRIBUTE_NAME_BYTES = 256;

/**
 * The smallest and the largest `maxDeliveryAttempts` of a dead-letter policy.
 * https://cloud.google.com/pubsub/docs/dead-letter-topics (2026-11)
 */
export const MIN_DELIVERY_ATTEMPTS = 5;
export const MAX_DELIVERY_ATTEMPTS = 100;

/**
 * The retention that `ensure` sets: the longest that Pub/Sub has.
 * https://cloud.google.com/pubsub/docs/subscription-properties#message_retention_duration (2026-11)
 */
export const CREATED_RETENTION_MS: number = 31 * DAY;

/**
 * A valid id of a topic or a subscription.
 * https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names (2026-11)
 */
export const QUEUE_NAME: RegExp = /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/;
/**
 * The same rule in words.
 * https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names (2026-11)
 */
export const QUEUE_NAME_RULE =
  'Pub/Sub takes 3 to 255 letters, digits and -_.~+%, of which a letter is the first and "goog" is not the beginning';

/** The lease that Pub/Sub grants if this one is asked for: whole seconds, 10 to 600. */
export function leaseSeconds(leaseMs: number): number {
  return Math.min(MAX_LEASE_SECONDS, Math.max(MIN_LEASE_SECONDS, Math.ceil(leaseMs / SECOND)));
}

/** The `maxDeliveryAttempts` that a dead-letter policy gets if this many are asked for: 5 to 100. */
export function policyAttempts(deliveries: number): number {
  return Math.min(MAX_DELIVERY_ATTEMPTS, Math.max(MIN_DELIVERY_ATTEMPTS, deliveries));
}
