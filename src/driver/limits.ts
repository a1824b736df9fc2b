/**
 * What a provider can carry. All sizes in bytes of UTF-8, all times in milliseconds; `Infinity` is no limit.
 * The core checks these before it calls the driver, since local servers are often laxer than the service.
 */
export interface Limits {
  /** Messages in one `send` call. */
  readonly maxBatch: number;
  /** Bytes of all messages in one `send` call. */
  readonly maxBatchBytes: number;
  /** Bytes of one message: body, attribute names and values, and the two overheads below. */
  readonly maxMessageBytes: number;
  /** Counted for each message beside its body and attributes. @default 0 */
  readonly messageOverheadBytes?: number;
  /** Counted for each attribute beside its name and value. @default 0 */
  readonly attributeOverheadBytes?: number;
  /** Attributes on one message. */
  readonly maxAttributes: number;
  /** Bytes of one attribute's value. */
  readonly maxAttributeBytes: number;
  /** The longest delay of a send; 0 where there is none. */
  readonly nativeDelayMs: number;
  /** Delays are rounded up to whole multiples of this by the provider. @default 1 */
  readonly delayGranularityMs?: number;
  /** Messages that one `next` may ask for. */
  readonly maxReceive: number;
  /** `next` calls of one source that may usefully be outstanding at once. */
  readonly maxPolls: number;
  /** How long a `next` without a message may wait before it resolves empty. One that is silent for much longer is replaced. */
  readonly longPollMs: number;
  /** Operations in one `settle` call. */
  readonly maxSettleBatch: number;
  /**
   * How long an acknowledgement may wait for others to share its request; 0 where a request costs nothing. On a queue
   * that keeps order none waits, and none that is the last in hand.
   * @default 0
   */
  readonly settleLingerMs?: number;
  /** Whether the operations of one `settle` call share a request, so that others gather while one is under way. @default true */
  readonly settlesTogether?: boolean;
  /** The longest delay of a release that a retry uses; 0 where a release comes back at once. */
  readonly maxReleaseDelayMs: number;
  /** The longest release of a parked message: one hop. 0 where nothing can be parked. */
  readonly maxHopMs: number;
  /** The longest lease that can be asked for, and the longest extension. */
  readonly maxLeaseMs: number;
  /** The longest that one delivery can be held, extensions included. */
  readonly maxTotalLeaseMs: number;
  /** Leased and released-with-delay messages that one queue may have. */
  readonly maxInFlight: number;
  /** How long the provider keeps a message that nobody takes. */
  readonly retentionMs: number;
  /** Whether a delayed send can be cancelled by its handle. */
  readonly cancel: boolean;
  /** Whether queues come into being on first use. Elsewhere a missing queue is `not_found`. */
  readonly createsQueues: boolean;
}

/** What is peculiar to one queue, as its provider describes it. */
export interface QueueTraits {
  /** Whether messages with the same ordering key are delivered in order, the head blocking the rest. */
  readonly ordering: "none" | "by_key";
  /** Whether every message needs an ordering key. */
  readonly orderingKeyRequired: boolean;
  /** How long a repeated `dedupId` is absorbed; 0 where it is not. */
  readonly dedupWindowMs: number;
  /** `native`: the broker has a sub-queue of its own, read at `deadLetterQueue`. `copy`: a queue beside this one. */
  readonly deadLetter: "native" | "copy";
  /** The name under which the dead letters of this queue are read. */
  readonly deadLetterQueue: string;
  /** The name under which messages of this queue wait for a delay that the provider cannot hold. */
  readonly delayQueue: string;
  /** The longest delay of a send on this queue; at most `limits.nativeDelayMs`. */
  readonly nativeDelayMs: number;
  /** Where others receive what is sent to this queue as well: the name by which a copy is meant for this one alone. */
  readonly target?: string | undefined;
  /** Deliveries after which the broker itself dead-letters; undefined where it never does. */
  readonly brokerMaxDeliveries?: number | undefined;
  /** A lease that the queue prescribes; undefined where the receiver chooses. */
  readonly fixedLeaseMs?: number | undefined;
  /** Whether deliveries are counted. Without, attempts cannot be. */
  readonly countsDeliveries: boolean;
}
