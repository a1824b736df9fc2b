import type { Limits } from "../../src/driver/index.ts";

const NO_LIMIT: number = Number.POSITIVE_INFINITY;

/** The limits of memory queues that emulate no provider. They allow everything that the driver contract can express. */
export const memoryLimits: Limits = {
  // Chosen: the messages of one tick share a request.
  maxBatch: 1_000,
  // Chosen: only the process's memory limits sizes.
  maxBatchBytes: NO_LIMIT,
  // Chosen: as `maxBatchBytes`.
  maxMessageBytes: NO_LIMIT,
  // Chosen: as `maxBatchBytes`.
  maxAttributes: NO_LIMIT,
  // Chosen: as `maxBatchBytes`.
  maxAttributeBytes: NO_LIMIT,
  // Chosen: a delayed message waits in a heap, for any time.
  nativeDelayMs: NO_LIMIT,
  // Chosen: enough for a thousand free handlers.
  maxReceive: 1_000,
  // Chosen: one poll finds all ready messages, so a second one would find none.
  maxPolls: 1,
  // Chosen: the same as for SQS.
  longPollMs: 20_000,
  // Chosen: the settlements of one tick share a call.
  maxSettleBatch: 1_000,
  // Chosen: as `nativeDelayMs`.
  maxReleaseDelayMs: NO_LIMIT,
  // Chosen: as `nativeDelayMs`.
  maxHopMs: NO_LIMIT,
  // Chosen: a lease may last until the process ends.
  maxLeaseMs: NO_LIMIT,
  // Chosen: as `maxLeaseMs`.
  maxTotalLeaseMs: NO_LIMIT,
  // Chosen: `capacity` limits the messages of a queue, leased ones included.
  maxInFlight: NO_LIMIT,
  // Chosen: messages stay until they are acknowledged or the process ends.
  retentionMs: NO_LIMIT,
  // Chosen: a delayed message is removed from its heap.
  cancel: true,
  // Chosen: tests need no provisioning. The option `strict` turns this off.
  createsQueues: true,
};
