import type { Limits } from "../../src/driver/index.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const MIB = 1_048_576;

/** From the Amazon SQS quotas and the API reference of each action. */
export const sqsLimits: Limits = {
  maxBatch: 10,
  maxBatchBytes: MIB,
  maxMessageBytes: MIB,
  // The data type of an attribute counts as well: "String".
  attributeOverheadBytes: 6,
  maxAttributes: 10,
  maxAttributeBytes: MIB,
  nativeDelayMs: 15 * MINUTE,
  delayGranularityMs: SECOND,
  maxReceive: 10,
  maxPolls: 16,
  longPollMs: 20 * SECOND,
  maxSettleBatch: 10,
  // Each request is paid for, and ten acknowledgements share one.
  settleLingerMs: 5,
  maxReleaseDelayMs: 15 * MINUTE,
  // A message stays invisible for at most 12 hours from its receipt, however it is extended.
  maxHopMs: 12 * HOUR - 2 * MINUTE,
  maxLeaseMs: 12 * HOUR - 2 * MINUTE,
  maxTotalLeaseMs: 12 * HOUR - MINUTE,
  maxInFlight: 120_000,
  // The default of a queue that somebody else created; ours keep messages for 14 days.
  retentionMs: 4 * 24 * HOUR,
  cancel: false,
  createsQueues: false,
};
