/**
 * The limits of a provider. Sizes are in bytes of UTF-8, times in milliseconds; `Infinity` means no limit. The core
 * checks them before it calls the driver, because local servers often accept more than the service does. Write the
 * provider's page and its date next to each value.
 */
export interface Limits {
  /** Messages in one `send` call. */
  readonly maxBatch: number;
  /** Bytes of all messages in one `send` call. */
  readonly maxBatchBytes: number;
  /** Bytes of one message: body, names and values of attributes, and the two overheads below. */
  readonly maxMessageBytes: number;
  /** Bytes that count for each message in addition to its body and attributes. @default 0 */
  readonly messageOverheadBytes?: number;
  /** Bytes that count for each attribute in addition to its name and value. @default 0 */
  readonly attributeOverheadBytes?: number;
  /** Attributes of one message. */
  readonly maxAttributes: number;
  /** Bytes of the value of one attribute. */
  readonly maxAttributeBytes: number;
  /**
   * Prefix of the names of attributes that the provider sets itself, and refuses from a sender. The core leaves such
   * attributes off the copy of a message.
   * @default none
   */
  readonly reservedAttributePrefix?: string;
  /** Longest delay of a send; 0 if the provider cannot delay. */
  readonly nativeDelayMs: number;
  /** The provider rounds delays up to a multiple of this value. @default 1 */
  readonly delayGranularityMs?: number;
  /** Messages that one call of `next` may request. */
  readonly maxReceive: number;
  /**
   * Calls of `next` of one source that may overlap. More than 1 is useful if one request cannot return enough messages
   * for a busy receiver. 1 is right if a single request can return all ready messages.
   */
  readonly maxPolls: number;
  /**
   * Longest time that a call of `next` waits for a message before it resolves with an empty array. A call that has not
   * resolved 15 s after that time counts as lost.
   */
  readonly longPollMs: number;
  /** Operations in one `settle` call. */
  readonly maxSettleBatch: number;
  /**
   * Milliseconds an acknowledgement may be held back so that others can share its request; 0 if requests are free.
   * Ignored on ordered queues, and when no other message is leased.
   * @default 0
   */
  readonly settleLingerMs?: number;
  /**
   * Whether the operations of one `settle` call share a request. If so, the core collects operations while a call is
   * under way.
   * @default true
   */
  readonly settlesTogether?: boolean;
  /**
   * Longest delay of a release for a retry. For a longer delay, the core sends a delayed copy and removes the message. 0 if
   * a released message is always redelivered immediately. A queue may have a shorter one, in its traits.
   */
  readonly maxReleaseDelayMs: number;
  /**
   * Longest hop: the longest delay of a release in the delay queue. A message waits there for as many hops as its delay
   * needs. 0 if the driver has no delay queue.
   */
  readonly maxHopMs: number;
  /** Longest lease that a receive or an extension can request. */
  readonly maxLeaseMs: number;
  /** Longest time that one delivery can be leased, extensions included. */
  readonly maxTotalLeaseMs: number;
  /** Messages of one queue that may be leased, or released with a delay, at the same time. */
  readonly maxInFlight: number;
  /** Time after which the provider removes a message, even if it was not settled. */
  readonly retentionMs: number;
  /** Whether a delayed message can be cancelled by its handle. */
  readonly cancel: boolean;
  /**
   * Whether an `ack` by a former holder of a message fails as `lease_lost`. If false, it may succeed: the provider does
   * not report it. It must have no effect in either case.
   * @default true
   */
  readonly reportsLateAcks?: boolean;
  /**
   * Whether the provider compares the holder when it settles, so that an `ack` by a former holder leaves the message to the
   * present one. If false, such an `ack` may remove the message while another receiver runs it: the driver can only refuse
   * to send an `ack` after the end of the lease. A driver that declares `reportsLateAcks: false` is fenced all the same.
   * @default true
   */
  readonly fencedSettle?: boolean;
  /**
   * Whether the leases of a receiver end as soon as its connection does. Its messages are then redelivered before their
   * leases would have ended, also if only the connection was lost and their handlers still run.
   * @default false
   */
  readonly leaseEndsWithConnection?: boolean;
  /**
   * Whether `send` can write into a transaction of the user, so that a message exists if and only if the transaction is
   * committed. If false, the core refuses a send with a transaction.
   * @default false
   */
  readonly transactional?: boolean;
  /**
   * Whether the provider creates a queue when it is first used. `ensure` then only sets the order, the delivery limit
   * and the lease of a queue. If false, calls on a missing queue fail as `not_found`.
   */
  readonly createsQueues: boolean;
}

/** The traits of one queue, as its provider describes it. Times are in milliseconds. */
export interface QueueTraits {
  /** Whether messages with the same ordering key are delivered in order. If so, an unsettled message blocks its key. */
  readonly ordering: "none" | "by_key";
  /** Whether every message needs an ordering key. */
  readonly orderingKeyRequired: boolean;
  /** Time within which a message with a repeated `dedupId` is dropped; 0 if the queue does not deduplicate. */
  readonly dedupWindowMs: number;
  /**
   * `native`: the broker has a dead-letter queue of its own for this queue. `copy`: the core sends a copy to another
   * queue.
   */
  readonly deadLetter: "native" | "copy";
  /** Name of the queue from which the dead letters are read. */
  readonly deadLetterQueue: string;
  /**
   * Name of the queue in which messages wait for a delay that the provider cannot hold. Used if a delay exceeds
   * `nativeDelayMs`. The conformance suite lowers that limit, so each driver with a `maxHopMs` above 0 needs the queue.
   */
  readonly delayQueue: string;
  /**
   * Bytes of the largest message that this queue, its dead-letter queue and its delay queue take, as far as the driver can
   * read it; undefined if `limits.maxMessageBytes` applies. A larger message is refused when it is sent first, since it
   * could not be dead-lettered.
   */
  readonly maxMessageBytes?: number | undefined;
  /** Longest delay of a send to this queue; at most `limits.nativeDelayMs`. */
  readonly nativeDelayMs: number;
  /**
   * Longest delay of a release for a retry on this queue.
   * @default limits.maxReleaseDelayMs
   */
  readonly maxReleaseDelayMs?: number | undefined;
  /**
   * Name of this receiver; set if other receivers get the messages of this queue too, as the subscriptions of one topic
   * do. A copy that carries this name is handled by this receiver. The other receivers only acknowledge it.
   */
  readonly target?: string | undefined;
  /** Deliveries after which the broker dead-letters a message; undefined if it never does. */
  readonly brokerMaxDeliveries?: number | undefined;
  /** Fixed lease of the queue; undefined if the receiver chooses the lease. */
  readonly fixedLeaseMs?: number | undefined;
  /** Whether the provider counts deliveries. If not, attempts cannot be counted. */
  readonly countsDeliveries: boolean;
}
