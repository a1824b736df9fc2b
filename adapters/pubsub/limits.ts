import type { Limits } from "../../src/driver/index.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const MIB = 1_048_576;

/** From the Pub/Sub quotas and the API reference. The emulator is laxer in most of them. */
export const pubsubLimits: Limits = {
  // Half of what the service takes: while it works on one such publish, the next is being written.
  maxBatch: 500,
  maxBatchBytes: 9 * MIB,
  maxMessageBytes: 10_000_000,
  // The limit is that of the request: the topic's name, an ordering key and the framing count as well.
  messageOverheadBytes: 1_536,
  attributeOverheadBytes: 12,
  maxAttributes: 100,
  maxAttributeBytes: 1_024,
  nativeDelayMs: 0,
  delayGranularityMs: SECOND,
  maxReceive: 1_000,
  maxPolls: 8,
  longPollMs: 20 * SECOND,
  // A request of acknowledgements is limited to 512 KiB; an id takes some 200 bytes, at most 400.
  maxSettleBatch: 1_000,
  settleLingerMs: 5,
  maxReleaseDelayMs: 600 * SECOND,
  maxHopMs: 600 * SECOND,
  maxLeaseMs: 600 * SECOND,
  maxTotalLeaseMs: Number.POSITIVE_INFINITY,
  maxInFlight: Number.POSITIVE_INFINITY,
  // The default of a subscription that somebody else created; ours keep messages for 31 days.
  retentionMs: 7 * DAY,
  cancel: false,
  createsQueues: false,
};

/** The shortest lease; a shorter one is rounded up to it. */
export const MIN_LEASE_SECONDS = 10;
export const MAX_LEASE_SECONDS = 600;
/** The most bytes of an ordering key, and of an attribute's name. */
export const MAX_ORDERING_KEY_BYTES = 1_024;
export const MAX_ATTRIBUTE_NAME_BYTES = 256;

/** The lease that Pub/Sub grants where this one is asked for: whole seconds, 10 to 600. */
export function leaseSeconds(leaseMs: number): number {
  return Math.min(MAX_LEASE_SECONDS, Math.max(MIN_LEASE_SECONDS, Math.ceil(leaseMs / SECOND)));
}
