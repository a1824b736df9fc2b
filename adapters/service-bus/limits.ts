import type { Limits } from "../../src/driver/index.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const KIB = 1_024;
const NO_LIMIT: number = Number.POSITIVE_INFINITY;

/** What all the properties of a message may have together. */
export const MAX_PROPERTIES_BYTES: number = 64 * KIB;

/** From the Service Bus quotas, Standard tier. Premium takes messages of up to 100 MB: `limits` says so then. */
export const serviceBusLimits: Limits = {
  maxBatch: 1_000,
  maxBatchBytes: 256 * KIB,
  maxMessageBytes: 256 * KIB,
  // What AMQP writes around a body and around each property, and the ids beside them.
  messageOverheadBytes: 512,
  attributeOverheadBytes: 10,
  maxAttributes: 1_000,
  maxAttributeBytes: 32 * KIB,
  nativeDelayMs: NO_LIMIT,
  maxReceive: 1_000,
  // A link is asked for more by more credit, not by asking again.
  maxPolls: 1,
  longPollMs: 20 * SECOND,
  // Each message is settled by itself; those of one tick share a frame.
  maxSettleBatch: 25,
  settlesTogether: false,
  maxReleaseDelayMs: 0,
  maxHopMs: 0,
  maxLeaseMs: 5 * MINUTE,
  maxTotalLeaseMs: NO_LIMIT,
  maxInFlight: NO_LIMIT,
  retentionMs: NO_LIMIT,
  cancel: true,
  createsQueues: false,
};
