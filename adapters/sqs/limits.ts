import type { Limits } from "../../src/driver/index.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1_048_576;

/**
 * The limits of Amazon SQS. Each has the page that states it and the month in which that page was read, or "Chosen"
 * if SQS has no such limit.
 */
export const sqsLimits: Limits = {
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html (2026-11)
  maxBatch: 10,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html (2026-11)
  maxBatchBytes: MIB,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (2026-11)
  maxMessageBytes: MIB,
  // The data type of an attribute, "String", counts towards the size of the message:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html (2026-11)
  attributeOverheadBytes: 6,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (2026-11)
  maxAttributes: 10,
  // An attribute has no limit of its own; it counts towards the size of the message:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html (2026-11)
  maxAttributeBytes: MIB,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html (2026-11)
  nativeDelayMs: 15 * MINUTE,
  // DelaySeconds is a whole number:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatchRequestEntry.html (2026-11)
  delayGranularityMs: SECOND,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html (2026-11)
  maxReceive: 10,
  // Chosen: 16 polls of 10 messages fetch for 160 handlers.
  maxPolls: 16,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html (2026-11)
  longPollMs: 20 * SECOND,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html (2026-11)
  maxSettleBatch: 10,
  // Chosen: SQS bills each request, and ten acknowledgements share one.
  settleLingerMs: 5,
  // Chosen: a message that waits invisibly counts as in flight, which is limited; a longer retry uses the delay queue.
  maxReleaseDelayMs: 15 * MINUTE,
  // A message is invisible for at most 12 hours after its receipt, extensions included. Two minutes are kept as margin:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html (2026-11)
  maxHopMs: 12 * HOUR - 2 * MINUTE,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html (2026-11)
  maxLeaseMs: 12 * HOUR - 2 * MINUTE,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html (2026-11)
  maxTotalLeaseMs: 12 * HOUR - MINUTE,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html (2026-11)
  maxInFlight: 120_000,
  // The default of a queue that queueport did not create:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (2026-11)
  retentionMs: 4 * DAY,
  // No action of the API cancels a message:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html (2026-11)
  cancel: false,
  // A deletion with an outdated receipt handle succeeds, and the message stays:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html (2026-11)
  reportsLateAcks: false,
  // Chosen: `ensure` creates queues; a send or a poll does not.
  createsQueues: false,
};

/**
 * The longest wait of a poll.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html (2026-11)
 */
export const MAX_WAIT_SECONDS = 20;

/**
 * The ending of a FIFO queue's name. FIFO queues keep order by key.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html (2026-11)
 */
export const FIFO_ENDING = ".fifo";

/**
 * The time for which a FIFO queue absorbs a repeated deduplication id.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html (2026-11)
 */
export const DEDUP_WINDOW_MS: number = 5 * MINUTE;

/**
 * The longest native delay on a FIFO queue: messages of FIFO queues have no timers of their own.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html (2026-11)
 */
export const FIFO_NATIVE_DELAY_MS = 0;

/**
 * The largest `maxReceiveCount` of a redrive policy.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html (2026-11)
 */
export const MAX_RECEIVE_COUNT = 1_000;

/**
 * The retention that `ensure` sets: the longest that SQS has.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (2026-11)
 */
export const CREATED_RETENTION_MS: number = 14 * DAY;

/**
 * A character that SQS refuses: SQS carries the characters of XML 1.0.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (2026-11)
 */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
export const NOT_CARRIED: RegExp = /[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * A valid name of a queue. Names of FIFO queues end in `.fifo`, which counts.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html (2026-11)
 */
export const QUEUE_NAME: RegExp = /^(?=.{1,80}$)[\w-]+(?:\.fifo)?$/;
/**
 * The same rule in words.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html (2026-11)
 */
export const QUEUE_NAME_RULE =
  "SQS takes 1 to 80 letters, digits, hyphens and underscores, of which .fifo may be the end";
