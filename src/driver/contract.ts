import type { Clock } from "../lib/clock.ts";
import type { DriverError, ErrorKind } from "./error.ts";
import type { Limits, QueueTraits } from "./limits.ts";

/** The body of a message. A string is sent as its UTF-8 bytes. */
export type Body = string | Uint8Array;

/** String attributes that travel next to the body. */
export type Attributes = Readonly<Record<string, string>>;

/**
 * One message on its way to the provider. The core has checked it against the limits. Times are whole and finite
 * milliseconds.
 */
export interface Outgoing {
  readonly body: Body;
  /** Names and values come back unchanged with each delivery. Must not be modified: messages share one object. */
  readonly attributes: Attributes;
  /** Time before the first delivery, from 0 to the `nativeDelayMs` of the queue. */
  readonly delayMs: number;
  /**
   * The key within which the queue keeps order. Comes back as {@link Delivery.orderingKey}, also from a queue that
   * keeps no order; there it has no other effect. The copy of a message in a dead-letter queue has a key of its own.
   */
  readonly orderingKey?: string | undefined;
  /**
   * The id for deduplication. A queue that deduplicates absorbs a second message with the same id within its window,
   * and the send still succeeds. Other queues ignore the id. The core sets it on every message.
   */
  readonly dedupId?: string | undefined;
  /**
   * The {@link Delivery.native} of the message of which this is a copy: for a retry, a delay, the dead-letter queue or a
   * redrive. The driver sends it with the copy, as far as it can. An attribute that differs from the original's wins.
   */
  readonly native?: unknown;
  /** Whether to return a handle for {@link Driver.cancel}. Set only if `limits.cancel`. @default false */
  readonly cancellable?: boolean;
}

/**
 * The outcome of one message of a `send`. `handle` is returned for each message that is `cancellable`, also with a
 * `delayMs` of 0.
 */
export type SendResult =
  | { readonly ok: true; readonly brokerId?: string; readonly handle?: string }
  | { readonly ok: false; readonly error: DriverError };

/**
 * One message on which a source holds a lease. It belongs to the core from the moment at which it is handed out: a
 * source that keeps its deliveries leaks one for each lease that is lost.
 */
export interface Delivery {
  /** May be bytes even if the body was sent as a string. */
  readonly body: Body;
  readonly attributes: Attributes;
  /**
   * Deliveries of this copy so far, including this one: 1, 2, 3 … The provider keeps the count: attempts are calculated
   * from it. Always 1 if `traits.countsDeliveries` is false.
   */
  readonly deliveryCount: number;
  /**
   * The end of the lease if it is not extended, in epoch milliseconds of this process's clock. Calculate it from the
   * time before the request, so that it is never later than the provider's own. The core turns it into a time of the
   * monotonic clock when the delivery arrives. It assumes at most the lease that it has asked for.
   */
  readonly leaseUntil: number;
  /**
   * The time at which the broker accepted the message, in epoch milliseconds; undefined if the broker does not report
   * it.
   */
  readonly enqueuedAt?: number | undefined;
  /**
   * The broker's id of this copy: the same on every delivery of the copy, and different for each other copy. The core
   * derives the `dedupId` of a requeued copy from it, so that a broker that deduplicates absorbs a repeated requeue of
   * one copy, and never the requeue of another.
   */
  readonly brokerId: string;
  /** The key that the message was sent with. */
  readonly orderingKey?: string | undefined;
  /** The reason of the broker; set if the broker, and not queueport, dead-lettered the message. */
  readonly deadLetter?: { readonly reason: string; readonly description?: string | undefined } | undefined;
  /**
   * The parts of the message that neither the body nor the attributes carry, such as a time to live, the types of
   * properties, or reply fields. Only the driver reads them. Undefined if the message has none, as those of queueport.
   */
  readonly native?: unknown;
  /** Data of the driver, such as a receipt handle. The core passes it back unchanged with each operation. */
  readonly receipt: unknown;
}

/**
 * One settlement of one delivery. Identify the message by `delivery.receipt`: `delivery` may be a copy of the object
 * that was handed out, without its body and attributes.
 */
export type Operation =
  /** Removes the message. */
  | { readonly kind: "ack"; readonly delivery: Delivery }
  /** Sets the end of the lease to `leaseMs` from now. `leaseMs` is finite, more than 0, and may have a fraction. */
  | { readonly kind: "extend"; readonly delivery: Delivery; readonly leaseMs: number }
  /**
   * Ends the lease. The message is delivered again after `delayMs`: a whole number from 0, which means immediately, to
   * the larger of the queue's `maxReleaseDelayMs` and `limits.maxHopMs`.
   */
  | { readonly kind: "release"; readonly delivery: Delivery; readonly delayMs: number }
  /** Moves the message to the broker's own dead-letter queue. Used only if `traits.deadLetter` is `native`. */
  | {
      readonly kind: "dead_letter";
      readonly delivery: Delivery;
      readonly reason: string;
      readonly description: string;
      /** Attributes to add to the dead letter. */
      readonly attributes: Attributes;
    };

/**
 * The outcome of one operation. `ok` means that the provider has confirmed it. `leaseUntil`, in epoch milliseconds, is
 * the new end of an extended lease; without it, the core assumes the lease that it asked for.
 */
export type SettleResult =
  | { readonly ok: true; readonly leaseUntil?: number }
  | { readonly ok: false; readonly error: DriverError };

/** The counts of one physical queue. A count that the provider does not report is undefined, never a guess. */
export interface DriverStats {
  /**
   * Messages that `next` could return now. Includes messages whose delay has passed and messages whose lease has ended,
   * even if the driver moves them lazily: reading a dead-letter queue stops when an exact count of `ready` is 0.
   */
  readonly ready?: number | undefined;
  /** Messages with a lease. */
  readonly inFlight?: number | undefined;
  /** Ready and leased messages together; for providers that do not report them separately. */
  readonly backlog?: number | undefined;
  /** Messages that are not due yet. */
  readonly delayed?: number | undefined;
  /** Messages in the broker's own dead-letter queue, if `traits.deadLetter` is `native`. */
  readonly deadLettered?: number | undefined;
  /** Whether the counts may be wrong or old. */
  readonly approximate: boolean;
  /** The time at which the counts were correct, in epoch milliseconds. */
  readonly asOf: number;
}

/**
 * The configuration of one logical queue, for {@link Admin.ensure}. It applies to the queue itself: its dead-letter
 * queue and its delay queue have the same lease, no delivery limit, and no order unless the provider's names require
 * it.
 */
export interface QueueSpec {
  /** Undefined leaves the ordering of an existing queue, and means `none` for a new one. The core always sets it. */
  readonly ordering?: "none" | "by_key" | undefined;
  /** Deliveries after which the broker may dead-letter a message. The value is above the core's own limit. */
  readonly brokerMaxDeliveries: number;
  /** The lease of a queue that prescribes one, in milliseconds: finite, more than 0. */
  readonly leaseMs: number;
}

/** One difference between a queue at the provider and its specification. */
export interface QueueChange {
  /** `conflict`: the resource exists and cannot be changed to match, so `ensure` would fail. */
  readonly kind: "create" | "change" | "conflict";
  /** The resource, in the provider's words: `queue emails-dlq`, `subscription emails`. */
  readonly resource: string;
  /** The provider's name of the setting; undefined if the whole resource would be created. */
  readonly setting?: string | undefined;
  /** The present value; undefined if the setting has none. */
  readonly from?: string | undefined;
  /** The value that `ensure` would set; undefined if it would remove the setting. */
  readonly to?: string | undefined;
}

/** Creates and removes queues. */
export interface Admin {
  /**
   * Creates the queue, its dead-letter queue and, if `limits.maxHopMs` is more than 0, its delay queue; changes those
   * that exist to match `spec`. Idempotent.
   *
   * @throws DriverError `permanent` when a resource exists and cannot be changed to match
   */
  ensure(queue: string, spec: QueueSpec): Promise<void>;
  /** Removes the queue, its dead-letter queue and its delay queue with their messages. A missing queue is no error. */
  drop(queue: string): Promise<void>;
  /** Returns what `ensure` would change, and changes nothing. The array is empty if `ensure` would change nothing. */
  plan?(queue: string, spec: QueueSpec): Promise<QueueChange[]>;
}

/** The options of {@link Driver.send}. */
export interface DriverSendOptions {
  /**
   * The user's transaction, in which the messages are written: the object that the user passed to `queue.send`. Set only
   * if `limits.transactional`. The driver refuses an object that is no transaction of its provider as `permanent`. It
   * never retries inside of a transaction, and neither begins, ends nor notifies: the user commits.
   */
  readonly transaction?: object | undefined;
}

/** The options of {@link Driver.open}. */
export interface OpenOptions {
  /**
   * Maximum number of messages that the source has leased and the core has not settled. The core asks for no more than
   * are missing from it, and forgets what it asked for when it aborts a call. The source does not: while the request of an
   * aborted call is under way, a further call gets its messages, and requests only the rest. A request from which nothing
   * was heard 10 s after its wait does not count any more. On a queue that keeps order, messages that wait in the source
   * behind another one of their key come on top.
   */
  readonly prefetch: number;
  /** The lease of each message, in milliseconds: finite, more than 0, at most `limits.maxLeaseMs`. */
  readonly leaseMs: number;
  /** Milliseconds that a `next` without a message waits; at most `limits.longPollMs`. @default limits.longPollMs */
  readonly waitMs?: number | undefined;
}

/**
 * The interface that an adapter implements. A driver translates calls and classifies errors. It never retries, never
 * combines calls and never logs: the core does. Switch off the retries of the provider's client.
 *
 * **Blocking.** `send`, `describe`, `stats` and `settle` take as long as one request. The core stops waiting for
 * `describe`, `stats` and `settle` after 10 s. It aborts the signal of a `send` when no caller waits for the call any
 * more. A call that the core has abandoned may still end; its result is ignored.
 *
 * **Overlap.** Calls may overlap: for several queues, for one queue, and within one source.
 *
 * **Partial failure.** `send` and `settle` return one result per item, in the order of the items. An item that fails
 * does not affect the others. An item that the provider's answer does not mention is `ambiguous`. The call rejects only
 * if the whole request failed; `classify` then gives the kind of error for all items.
 *
 * **Retention.** The arrays that `send` and `settle` receive, and a body of bytes, belong to the caller again as soon
 * as the call has returned its promise. Read or copy them before the first `await`.
 *
 * **Lifetime.** A driver connects when a call needs the connection, and again after the connection was lost. An idle
 * driver must not keep the process alive; the core keeps it alive while it receives.
 */
export interface Driver {
  /** The provider's name in configurations and metrics. */
  readonly provider: string;
  /**
   * The place of the queues of this driver, as text: the provider, with the account, the region, the namespace and the prefix of
   * names. Two drivers with the same scope reach the same queues by the same names, also in other processes. Job stores
   * keep the jobs of different scopes apart. It must not contain a secret.
   * @default the name of the provider
   */
  readonly scope?: string | undefined;
  /**
   * Whether the queues are those of this process, and are gone with it: no other process gets their messages, whatever
   * its scope.
   * @default false
   */
  readonly isProcessLocal?: boolean | undefined;
  readonly limits: Limits;
  /**
   * The clock that measures delays and leases, if this process measures them and not a provider. The queue on the
   * driver then uses the same clock, so that a test can advance it.
   */
  readonly clock?: Clock | undefined;
  /**
   * Reads the traits of one queue. The core caches the answer until it creates, compares, describes or removes a queue.
   * If `limits.createsQueues`, the traits of a missing queue are those with which it would be created.
   *
   * @throws DriverError `not_found` when the queue does not exist, unless `limits.createsQueues`
   */
  describe(queue: string): Promise<QueueTraits>;
  /** Returns the kind of an error that a method of this driver threw. Must not throw. */
  classify(error: unknown): ErrorKind;
  /**
   * Sends up to `limits.maxBatch` messages in one request. Resolves with one result per message, in their order. If
   * `signal` aborts, also before the call, the promise rejects as `ambiguous` immediately, and the request may go on.
   */
  send(
    queue: string,
    messages: readonly Outgoing[],
    signal: AbortSignal,
    options?: DriverSendOptions,
  ): Promise<SendResult[]>;
  /** Opens a source. Makes no request: the first `next` does. One queue may have several sources. */
  open(queue: string, options: OpenOptions): Source;
  /** Counts the messages of one queue. If `limits.createsQueues`, a missing queue has counts of 0. */
  stats(queue: string): Promise<DriverStats>;
  /** Undefined if the driver cannot create queues. */
  readonly admin?: Admin;
  /**
   * Cancels a delayed message by its handle. Resolves false if the message was delivered or cancelled before. For a
   * message without delay, it may always resolve false. Present if `limits.cancel`.
   *
   * @throws DriverError `permanent` when the handle was not returned by a driver of this provider
   */
  cancel?(handle: string): Promise<boolean>;
  /**
   * Frees the resources of the driver. Called once, after all sources are closed and all sends have their outcome.
   * Requests that the core has abandoned may be broken off. A client that the user passed in stays open. Idempotent.
   */
  close(): Promise<void>;
}

/** The receiving side of one queue, in one receiver. */
export interface Source {
  /**
   * Waits for up to `max` messages, and leases them. Resolves as soon as there is at least one. Resolves empty after
   * `waitMs`, or earlier. After calls that end empty within 20 ms, the core pauses for up to 1 s. `max` is from 1 to
   * `limits.maxReceive`, and up to `limits.maxPolls` calls overlap.
   *
   * An abort of `signal` ends the waiting and not the request: the call resolves empty immediately. Messages that
   * arrive later are leased, so the source keeps them for the next `next` or for `stop`.
   *
   * A call that has not ended 15 s after `limits.longPollMs` counts as lost. The core aborts its signal and calls
   * `next` of the same source again. After `stop`, `next` resolves empty; after `close`, it rejects as `permanent`.
   *
   * A queue that keeps order returns the messages of one ordering key in their order, one or several in a call: the
   * core runs one at a time. Until a message of a key is settled, neither another source nor an overlapping call may
   * return a later message of the key.
   */
  next(max: number, signal: AbortSignal): Promise<Delivery[]>;
  /**
   * Settles up to `limits.maxSettleBatch` deliveries. Resolves with one result per operation, in their order. Works
   * until `close`, also after `stop`.
   *
   * Calls overlap with each other and with `next`. An `ack` may overlap with an `extend` of the same delivery; a
   * `release` or `dead_letter` does not.
   *
   * The result for a delivery that no longer has its lease:
   *
   * - The message was delivered again: every operation is `lease_lost`, and must not change the message. An `ack` may
   *   succeed without an effect if `limits.reportsLateAcks` is false. It may remove the message if `limits.fencedSettle`
   *   is false.
   * - This delivery was acknowledged before: an `ack` succeeds, because the answer of the first may have been lost.
   *   An `extend` is `lease_lost`.
   * - The message has left the queue in another way: every operation succeeds or is `lease_lost`.
   * - The lease has ended, and the message was not delivered again: every operation succeeds or is `lease_lost`.
   */
  settle(operations: readonly Operation[]): Promise<SettleResult[]>;
  /**
   * Stops polling. Ends the calls of `next` that wait, and waits for the requests that are under way. Resolves with the
   * messages that arrived and were not handed out, still leased: the core settles them. The core stops waiting 15 s
   * after `limits.longPollMs`. Messages that arrive after that are redelivered when their lease ends.
   */
  stop(): Promise<Delivery[]>;
  /** Ends the source. `settle` rejects as `permanent` from then on. The core stops waiting after 10 s. Idempotent. */
  close(): Promise<void>;
}
