import type { Limits } from "../../src/driver/index.ts";

/** A cloud whose limits and traits the memory driver can take on. */
export type EmulatedProvider = "sqs" | "pubsub" | "service-bus";

/** What a queue in memory is held to, beside the limits. */
export interface Profile {
  readonly limits: Limits;
  /** Names that end so are ordered queues, and no others are. */
  readonly orderedEnding?: string;
  readonly orderingKeyRequired: boolean;
  readonly orderedNativeDelayMs: number;
  readonly dedupWindowMs: { readonly none: number; readonly by_key: number };
  /** Whether a queue that deduplicates refuses a message without an id to know it by. */
  readonly dedupIdRequired: boolean;
  readonly deadLetter: "native" | "copy";
  /** What the broker's own delivery limit can be set to, and what it is on the queues that exist from the start. */
  readonly brokerDeliveries: {
    readonly least: number;
    readonly most: number;
    readonly initially: number | undefined;
  };
  /** Whether deliveries are counted on a queue without such a limit too. */
  readonly countsWithoutLimit: boolean;
  /** The lease of a queue that was not created with another; undefined where the receiver chooses. */
  readonly fixedLeaseMs?: number;
  readonly minLeaseMs: number;
  readonly leaseGranularityMs: number;
  /** Whether an expired lease still acknowledges, as long as nobody else has received the message. */
  readonly lateAck: boolean;
  /** Whether a message that was released with a delay counts as in flight rather than as delayed. */
  readonly releasedInFlight: boolean;
  readonly stats: "exact" | "approximate" | "none";
  /** Whether bodies come back as bytes, whatever they were sent as. */
  readonly bytes: boolean;
  /** Whether only the characters of XML, and no empty bodies and attributes, are carried. */
  readonly xmlText: boolean;
}

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const KIB = 1_024;
const MIB = 1_048_576;
const NO_LIMIT: number = Number.POSITIVE_INFINITY;

/** No cloud: everything that the contract can express, without limit. */
export const plain: Profile = {
  limits: {
    maxBatch: 1_000,
    maxBatchBytes: NO_LIMIT,
    maxMessageBytes: NO_LIMIT,
    maxAttributes: NO_LIMIT,
    maxAttributeBytes: NO_LIMIT,
    nativeDelayMs: NO_LIMIT,
    maxReceive: 1_000,
    maxPolls: 1,
    longPollMs: 20 * SECOND,
    maxSettleBatch: 1_000,
    maxReleaseDelayMs: NO_LIMIT,
    maxHopMs: NO_LIMIT,
    maxLeaseMs: NO_LIMIT,
    maxTotalLeaseMs: NO_LIMIT,
    maxInFlight: NO_LIMIT,
    retentionMs: NO_LIMIT,
    cancel: true,
    createsQueues: true,
  },
  orderingKeyRequired: false,
  orderedNativeDelayMs: NO_LIMIT,
  dedupWindowMs: { none: 0, by_key: 5 * MINUTE },
  dedupIdRequired: false,
  deadLetter: "copy",
  brokerDeliveries: { least: 1, most: NO_LIMIT, initially: undefined },
  countsWithoutLimit: true,
  minLeaseMs: 0,
  leaseGranularityMs: 1,
  lateAck: true,
  releasedInFlight: false,
  stats: "exact",
  bytes: false,
  xmlText: false,
};

/** Amazon SQS: a standard queue, or by its name a FIFO queue. Retention as `ensure` sets it, the longest there is. */
const sqs: Profile = {
  limits: {
    maxBatch: 10,
    maxBatchBytes: MIB,
    maxMessageBytes: MIB,
    // The data type, "String", is counted with each attribute.
    attributeOverheadBytes: 6,
    maxAttributes: 10,
    maxAttributeBytes: MIB,
    nativeDelayMs: 900 * SECOND,
    delayGranularityMs: SECOND,
    maxReceive: 10,
    maxPolls: 16,
    longPollMs: 20 * SECOND,
    maxSettleBatch: 10,
    settleLingerMs: 5,
    maxReleaseDelayMs: 900 * SECOND,
    maxHopMs: 12 * HOUR - 2 * MINUTE,
    maxLeaseMs: 12 * HOUR,
    maxTotalLeaseMs: 12 * HOUR,
    maxInFlight: 120_000,
    retentionMs: 14 * DAY,
    cancel: false,
    createsQueues: false,
  },
  orderedEnding: ".fifo",
  orderingKeyRequired: true,
  orderedNativeDelayMs: 0,
  dedupWindowMs: { none: 0, by_key: 5 * MINUTE },
  dedupIdRequired: true,
  deadLetter: "copy",
  brokerDeliveries: { least: 1, most: 1_000, initially: 100 },
  countsWithoutLimit: true,
  minLeaseMs: 0,
  leaseGranularityMs: SECOND,
  lateAck: true,
  releasedInFlight: true,
  stats: "approximate",
  bytes: false,
  xmlText: true,
};

/** Google Pub/Sub: a topic with one subscription. Retention as `ensure` sets it, the longest there is. */
const pubsub: Profile = {
  limits: {
    maxBatch: 1_000,
    maxBatchBytes: 9 * MIB,
    maxMessageBytes: 10_000_000,
    maxAttributes: 100,
    maxAttributeBytes: KIB,
    nativeDelayMs: 0,
    delayGranularityMs: SECOND,
    maxReceive: 1_000,
    maxPolls: 4,
    longPollMs: 20 * SECOND,
    maxSettleBatch: 1_000,
    settleLingerMs: 5,
    maxReleaseDelayMs: 600 * SECOND,
    maxHopMs: 600 * SECOND,
    maxLeaseMs: 600 * SECOND,
    maxTotalLeaseMs: NO_LIMIT,
    maxInFlight: NO_LIMIT,
    retentionMs: 31 * DAY,
    cancel: false,
    createsQueues: false,
  },
  orderingKeyRequired: false,
  orderedNativeDelayMs: 0,
  dedupWindowMs: { none: 0, by_key: 0 },
  dedupIdRequired: false,
  deadLetter: "copy",
  brokerDeliveries: { least: 5, most: 100, initially: 100 },
  countsWithoutLimit: false,
  minLeaseMs: 10 * SECOND,
  leaseGranularityMs: SECOND,
  lateAck: true,
  releasedInFlight: true,
  stats: "none",
  bytes: true,
  xmlText: false,
};

/** Azure Service Bus, Standard tier, with duplicate detection on. */
const serviceBus: Profile = {
  limits: {
    maxBatch: 1_000,
    maxBatchBytes: 256 * KIB,
    maxMessageBytes: 256 * KIB,
    maxAttributes: 1_000,
    maxAttributeBytes: 64 * KIB,
    nativeDelayMs: NO_LIMIT,
    maxReceive: 1_000,
    maxPolls: 1,
    longPollMs: 20 * SECOND,
    maxSettleBatch: 1,
    maxReleaseDelayMs: 0,
    maxHopMs: 0,
    maxLeaseMs: 5 * MINUTE,
    maxTotalLeaseMs: NO_LIMIT,
    maxInFlight: NO_LIMIT,
    retentionMs: NO_LIMIT,
    cancel: true,
    createsQueues: false,
  },
  orderingKeyRequired: true,
  orderedNativeDelayMs: NO_LIMIT,
  dedupWindowMs: { none: 10 * MINUTE, by_key: 10 * MINUTE },
  dedupIdRequired: false,
  deadLetter: "native",
  brokerDeliveries: { least: 1, most: 2_000, initially: 100 },
  countsWithoutLimit: true,
  fixedLeaseMs: 30 * SECOND,
  minLeaseMs: 0,
  leaseGranularityMs: 1,
  lateAck: false,
  releasedInFlight: false,
  stats: "exact",
  bytes: true,
  xmlText: false,
};

export const profiles: Readonly<Record<EmulatedProvider, Profile>> = {
  sqs,
  pubsub,
  "service-bus": serviceBus,
};
