import type { Limits } from "../../src/driver/index.ts";

const NO_LIMIT: number = Number.POSITIVE_INFINITY;
const MIB = 1_048_576;

/**
 * The limits of queues in Redis. Few are the server's: a value may have 512 MB
 * (https://redis.io/docs/latest/develop/data-types/strings/, 2026-11).
 */
export const redisLimits: Limits = {
  // Chosen: nothing else runs while a script does, and 500 messages take it a few milliseconds.
  maxBatch: 500,
  // Chosen: as `maxBatch`.
  maxBatchBytes: 8 * MIB,
  // Chosen: as SQS, so that a queue can move. The option `maxMessageBytes` changes it.
  maxMessageBytes: MIB,
  // Chosen: attributes are one value, and count towards the size of the message.
  maxAttributes: NO_LIMIT,
  // Chosen: as `maxAttributes`.
  maxAttributeBytes: NO_LIMIT,
  // Chosen: the due time is the score of a sorted set, in which a due time of any year fits.
  nativeDelayMs: NO_LIMIT,
  // Chosen: as `maxBatch`.
  maxReceive: 500,
  // Chosen: while one claim is under way, a second one fetches for the handlers that became free.
  maxPolls: 2,
  // Chosen: the wait is in this process, and costs one claim in five seconds.
  longPollMs: 30_000,
  // Chosen: as `maxBatch`.
  maxSettleBatch: 500,
  // Chosen: settlements share a script while one is under way.
  settleLingerMs: 0,
  // Chosen: as `nativeDelayMs`.
  maxReleaseDelayMs: NO_LIMIT,
  // Chosen: as `nativeDelayMs`.
  maxHopMs: NO_LIMIT,
  // Chosen: the end of a lease is a score, as the due time.
  maxLeaseMs: NO_LIMIT,
  // Chosen: as `maxLeaseMs`.
  maxTotalLeaseMs: NO_LIMIT,
  // Chosen: a message in flight costs some bytes more than one that waits.
  maxInFlight: NO_LIMIT,
  // Chosen: messages stay until they are acknowledged.
  retentionMs: NO_LIMIT,
  // Chosen: a delayed message is removed from its set.
  cancel: true,
  // Chosen: a send writes the settings of its queue.
  createsQueues: true,
};
