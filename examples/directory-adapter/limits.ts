import type { Limits } from "../../src/driver/index.ts";

const MIB = 1_048_576;
const NO_LIMIT: number = Number.POSITIVE_INFINITY;

export const directoryLimits: Limits = {
  // Requests are files here: these limits only keep a batch and a message to a size that one process handles well.
  maxBatch: 100,
  maxBatchBytes: 16 * MIB,
  maxMessageBytes: MIB,
  maxAttributes: 100,
  maxAttributeBytes: 64 * 1_024,
  // The time in a file's name can be any time. So a delay, a release and a lease can have any length, and no message
  // ever needs the delay queue.
  nativeDelayMs: NO_LIMIT,
  maxReleaseDelayMs: NO_LIMIT,
  maxHopMs: NO_LIMIT,
  maxLeaseMs: NO_LIMIT,
  maxTotalLeaseMs: NO_LIMIT,
  maxInFlight: NO_LIMIT,
  retentionMs: NO_LIMIT,
  maxReceive: 100,
  // A second look at the same directory would find the same files.
  maxPolls: 1,
  longPollMs: 5_000,
  maxSettleBatch: 100,
  cancel: false,
  createsQueues: false,
};
