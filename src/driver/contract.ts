import type { Clock } from "../lib/clock.ts";
import type { DriverError, ErrorKind } from "./error.ts";
import type { Limits, QueueTraits } from "./limits.ts";

/** The bytes of a message. A string stands for its UTF-8 bytes. */
export type Body = string | Uint8Array;

/** String attributes beside the body. */
export type Attributes = Readonly<Record<string, string>>;

/** One message on its way to the provider. All of it has been validated against the limits. */
export interface Outgoing {
  readonly body: Body;
  /** Not to be written to: messages share them. */
  readonly attributes: Attributes;
  /** At most the queue's `nativeDelayMs`; 0 is now. */
  readonly delayMs: number;
  readonly orderingKey?: string | undefined;
  /** The broker-side id: a broker that deduplicates absorbs a second one inside its window. */
  readonly dedupId?: string | undefined;
  /** Ask for a handle that `Driver.cancel` takes. Only where `limits.cancel`. */
  readonly cancellable?: boolean;
}

/** The outcome of one message of a `send`. */
export type SendResult =
  | { readonly ok: true; readonly brokerId?: string; readonly handle?: string }
  | { readonly ok: false; readonly error: DriverError };

/** One message that this source holds a lease on. */
export interface Delivery {
  readonly body: Body;
  readonly attributes: Attributes;
  /** How often this copy was delivered, this time included: 1, 2, 3 ... */
  readonly deliveryCount: number;
  /** When the lease ends unless it is extended, by this process's clock, in epoch milliseconds. */
  readonly leaseUntil: number;
  /** When the broker took the message, in epoch milliseconds, where it says so. */
  readonly enqueuedAt?: number | undefined;
  /**
   * The broker's id of this copy: the same on every delivery of it, and no other copy's. Clones are named after it,
   * so that a broker that deduplicates absorbs the second clone of one copy, and never the clone of another.
   */
  readonly brokerId: string;
  readonly orderingKey?: string | undefined;
  /** Set where a broker dead-lettered the message by itself. */
  readonly deadLetter?: { readonly reason: string; readonly description?: string | undefined } | undefined;
  /** The driver's own; the core passes it back untouched. */
  readonly receipt: unknown;
}

/** What is to become of one delivery. */
export type Operation =
  /** Remove the message. */
  | { readonly kind: "ack"; readonly delivery: Delivery }
  /** Hold it for `leaseMs` from now. */
  | { readonly kind: "extend"; readonly delivery: Delivery; readonly leaseMs: number }
  /** Give it back, to be delivered again after `delayMs`; at most `limits.maxHopMs`, 0 is at once. */
  | { readonly kind: "release"; readonly delivery: Delivery; readonly delayMs: number }
  /** Move it to the broker's own dead-letter queue. Only where `traits.deadLetter` is `native`. */
  | {
      readonly kind: "dead_letter";
      readonly delivery: Delivery;
      readonly reason: string;
      readonly description: string;
      /** Attributes to set on the dead letter, where the broker lets them be changed. */
      readonly attributes: Attributes;
    };

/** The confirmed outcome of one operation. `leaseUntil` is given for an extension. */
export type SettleResult =
  | { readonly ok: true; readonly leaseUntil?: number }
  | { readonly ok: false; readonly error: DriverError };

/** What a driver can tell about one physical queue; undefined where it cannot. */
export interface DriverStats {
  readonly ready?: number | undefined;
  readonly inFlight?: number | undefined;
  /** Ready and leased together, where they are counted as one. */
  readonly backlog?: number | undefined;
  readonly delayed?: number | undefined;
  /** Depth of the broker's own dead-letter queue, where `traits.deadLetter` is `native`. */
  readonly deadLettered?: number | undefined;
  readonly approximate: boolean;
  /** Epoch milliseconds at which the figures held. */
  readonly asOf: number;
}

/** What `ensure` is asked to bring about for one logical queue: itself, its dead-letter and its parking queue. */
export interface QueueSpec {
  readonly ordering?: "none" | "by_key" | undefined;
  /** Deliveries after which the broker may dead-letter by itself; set above the core's own guard. */
  readonly brokerMaxDeliveries: number;
  readonly leaseMs: number;
}

/** One thing in which what a provider has is not what `ensure` would make of it. */
export interface QueueChange {
  /** `conflict`: what is there cannot be changed into what is wanted, and `ensure` would fail. */
  readonly kind: "create" | "change" | "conflict";
  /** What it is, by the provider's name: `queue emails-dlq`, `subscription emails`. */
  readonly resource: string;
  /** By the provider's name; undefined where the whole is to be created. */
  readonly setting?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Creating and removing queues. Both are idempotent. */
export interface Admin {
  ensure(queue: string, spec: QueueSpec): Promise<void>;
  drop(queue: string): Promise<void>;
  /** What `ensure` would change, read from what the provider has; empty where it would change nothing. */
  plan?(queue: string, spec: QueueSpec): Promise<QueueChange[]>;
}

/** How a source is to be opened. */
export interface OpenOptions {
  /** The most messages that will be held unsettled at once. */
  readonly prefetch: number;
  readonly leaseMs: number;
  /** How long a `next` without a message waits; shorter than `limits.longPollMs`. @default limits.longPollMs */
  readonly waitMs?: number | undefined;
}

/**
 * The one door for adapters. A driver never retries, never batches on its own, never logs: it translates and
 * classifies. Calls may overlap, for one queue and for many.
 */
export interface Driver {
  /** The provider's name, as it stands in configuration and metrics. */
  readonly provider: string;
  readonly limits: Limits;
  /** The clock by which it delays and leases, where no provider does; the queue on it waits by the same one. */
  readonly clock?: Clock | undefined;
  /** Reads what is peculiar to one queue. Throws where the queue does not exist. The core caches the answer. */
  describe(queue: string): Promise<QueueTraits>;
  /** Sorts anything that a method of this driver threw. */
  classify(error: unknown): ErrorKind;
  /**
   * Sends up to `limits.maxBatch` messages in one request. Resolves with one result a message, in their order.
   * Throws where the whole request failed; `classify` then speaks for every message of it.
   * Aborting the signal stops the waiting; the outcome is then `ambiguous`. The array is not retained.
   */
  send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]>;
  /** Opens a source. It makes no request before the first `next`. */
  open(queue: string, options: OpenOptions): Source;
  stats(queue: string): Promise<DriverStats>;
  readonly admin?: Admin;
  /** Cancels a delayed send. False where it had been delivered, or cancelled, before. */
  cancel?(handle: string): Promise<boolean>;
  /** Frees what the driver holds. A client that was injected stays open. */
  close(): Promise<void>;
}

/** Leased messages of one queue. */
export interface Source {
  /**
   * Waits for messages, at most `max` of them; an empty array when the provider's poll ended without one.
   * Up to `limits.maxPolls` calls overlap. Aborting the signal stops the waiting, not the request: the call
   * resolves empty at once, and what arrives later is kept for `stop`, or for the next `next`.
   */
  next(max: number, signal: AbortSignal): Promise<Delivery[]>;
  /**
   * Carries out up to `limits.maxSettleBatch` operations. One confirmed result each, in their order; one that failed
   * fails alone. Throws where the whole request failed. Settling again what was acked is no error.
   */
  settle(operations: readonly Operation[]): Promise<SettleResult[]>;
  /** Fetches no more. Resolves after the last outstanding poll with what arrived and was not handed out, still leased. */
  stop(): Promise<Delivery[]>;
  /** Ends the source; `settle` works until here. Idempotent. */
  close(): Promise<void>;
}
