import type { Limits } from "../../../src/driver/index.ts";

const SECOND = 1_000;
const MIB = 1_048_576;
const NO_LIMIT: number = Number.POSITIVE_INFINITY;

/**
 * The limits of Template. Each has the page that states it and the month in which that page was read, or "Chosen" if
 * Template has no such limit.
 */
export const templateLimits: Limits = {
  // TODO: The most messages of one send request.
  maxBatch: 100,
  // TODO: The largest send request.
  maxBatchBytes: 16 * MIB,
  // TODO: The largest message, its attributes included.
  maxMessageBytes: MIB,
  // TODO: The most attributes of one message. queueport needs 10.
  maxAttributes: 100,
  // TODO: The longest value of an attribute.
  maxAttributeBytes: 64 * 1_024,
  // TODO: The longest delay of a send that the provider keeps itself. 0: the core uses the delay queue.
  nativeDelayMs: NO_LIMIT,
  // TODO: The most messages of one poll.
  maxReceive: 100,
  // TODO: The polls of one source that are useful at once. 1 if one poll can fetch for all free handlers.
  maxPolls: 1,
  // TODO: The longest wait of a poll without a message. A stop waits for it if the request cannot be cancelled.
  longPollMs: 20 * SECOND,
  // TODO: The most operations of one settle request.
  maxSettleBatch: 100,
  // TODO: The longest delay of a release. 0: the core sends a copy with a delay instead.
  maxReleaseDelayMs: NO_LIMIT,
  // TODO: The longest delay of a release in the delay queue. 0: there is no delay queue.
  maxHopMs: NO_LIMIT,
  // TODO: The longest lease, and the longest extension.
  maxLeaseMs: NO_LIMIT,
  // TODO: The longest time from receipt to settlement, extensions included.
  maxTotalLeaseMs: NO_LIMIT,
  // TODO: The most leased messages of one queue.
  maxInFlight: NO_LIMIT,
  // TODO: The time after which the provider drops a message that was not acknowledged.
  retentionMs: NO_LIMIT,
  // TODO: Whether a delayed message can be cancelled. If so, the driver needs `cancel`.
  cancel: false,
  // Chosen: `ensure` creates queues; a send or a poll does not.
  createsQueues: false,
};

// TODO: The names that the provider takes, and the same rule in words. Names are checked before the first request.
export const QUEUE_NAME: RegExp = /^.{1,255}$/s;
// TODO: The same rule in words.
export const QUEUE_NAME_RULE = "Template takes 1 to 255 characters";
