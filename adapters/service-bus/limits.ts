import type { Limits } from "../../src/driver/index.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const KIB = 1_024;
const NO_LIMIT: number = Number.POSITIVE_INFINITY;

/**
 * The limits of Azure Service Bus in the Standard tier. Each has the page that states it and the month in which that
 * page was read, or "Chosen" if Service Bus has no such limit. In the Premium tier messages have up to 100 MB; the
 * driver's option `limits` sets that.
 */
export const serviceBusLimits: Limits = {
  // Chosen: a batch is limited by its bytes only.
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
  maxBatch: 1_000,
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
  maxBatchBytes: 256 * KIB,
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
  maxMessageBytes: 256 * KIB,
  // AMQP's framing of a body, and the ids of the message, count towards its size:
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (2026-11)
  messageOverheadBytes: 512,
  // AMQP's framing of a property's name and value:
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (2026-11)
  attributeOverheadBytes: 10,
  // Chosen: the number of properties has no limit of its own, only their bytes.
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
  maxAttributes: 1_000,
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
  maxAttributeBytes: 32 * KIB,
  // No limit of a scheduled enqueue time is documented:
  // https://learn.microsoft.com/azure/service-bus-messaging/message-sequencing#scheduled-messages (2026-11)
  nativeDelayMs: NO_LIMIT,
  // Chosen: a link can be given any credit.
  maxReceive: 1_000,
  // Chosen: a link is asked for more messages by more credit, not by a second request.
  maxPolls: 1,
  // Chosen: a link waits without a request, so the wait costs nothing.
  longPollMs: 20 * SECOND,
  // Chosen: each message is settled on its own; the settlements of one tick share a frame.
  maxSettleBatch: 25,
  // Chosen: a settlement does not wait for the answer to another.
  settlesTogether: false,
  // A message that is abandoned is available again at once:
  // https://learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement (2026-11)
  maxReleaseDelayMs: 0,
  // Chosen: no delay queue is needed, since delays of any length are native.
  maxHopMs: 0,
  // https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.administration.createqueueoptions.lockduration (2026-11)
  maxLeaseMs: 5 * MINUTE,
  // A lock can be renewed any number of times:
  // https://learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement (2026-11)
  maxTotalLeaseMs: NO_LIMIT,
  // No limit of locked messages is documented:
  // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
  maxInFlight: NO_LIMIT,
  // The time to live of a queue is unlimited by default:
  // https://learn.microsoft.com/azure/service-bus-messaging/message-expiration (2026-11)
  retentionMs: NO_LIMIT,
  // https://learn.microsoft.com/azure/service-bus-messaging/message-sequencing#scheduled-messages (2026-11)
  cancel: true,
  // Chosen: `ensure` creates queues; a send or a receiver does not.
  createsQueues: false,
};

/**
 * The largest size of all properties of a message together.
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
 */
export const MAX_PROPERTIES_BYTES: number = 64 * KIB;

/**
 * The longest message id and the longest session id, in characters.
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-11)
 */
export const MAX_ID_LENGTH = 128;

/**
 * The shortest lock that `ensure` sets. Chosen: Microsoft's pages state no shortest lock.
 * https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.administration.createqueueoptions.lockduration (2026-11)
 */
export const MIN_LOCK_MS: number = 5 * SECOND;

/**
 * The largest max delivery count that `ensure` sets. Microsoft's pages state no limit; an emulator refuses more.
 * https://github.com/floci-io/floci-az/pull/207 (2026-11)
 */
export const MAX_DELIVERY_COUNT = 2_000;

/**
 * The duplicate detection window that `ensure` sets: the service's default, longer than a send is repeated for.
 * https://learn.microsoft.com/azure/service-bus-messaging/duplicate-detection (2026-11)
 */
export const CREATED_DEDUP_WINDOW_MS: number = 10 * MINUTE;

/**
 * A valid name of a queue. The portal allows a tilde as well.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftservicebus (2026-11)
 */
export const QUEUE_NAME: RegExp = /^(?=.{1,260}$)[A-Za-z0-9](?:[\w./~-]*[A-Za-z0-9])?$/;
/**
 * The same rule in words.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftservicebus (2026-11)
 */
export const QUEUE_NAME_RULE =
  "Service Bus takes 1 to 260 letters, digits and -_./~, of which a letter or a digit is the first and the last";

/** The lock that a queue gets if this lease is asked for: 5 s to 5 min. */
export function lockMs(leaseMs: number): number {
  return Math.min(Math.max(leaseMs, MIN_LOCK_MS), serviceBusLimits.maxLeaseMs);
}
