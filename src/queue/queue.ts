import type { BackoffOptions } from "../backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import type { Duration } from "../lib/duration.ts";
import type { Delay } from "../message/delay.ts";
import type { QueueChange } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import type { QueueError } from "../errors.ts";
import type { Message, NewMessage } from "../message/message.ts";
import type { Disposition } from "./disposition.ts";
import type { DeadLetters } from "./dead-letters.ts";

/** How a send is bounded. */
export interface SendOptions {
  /** Settled after this long, one way or the other; in milliseconds. @default 30000 */
  readonly deadlineMs?: Duration | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Deliver no earlier than after this delay. @default 0 */
  readonly delay?: Delay | undefined;
  /** Ask for a handle for {@link Queue.cancel}. `not_supported` where the provider cannot cancel. @default false */
  readonly cancellable?: boolean | undefined;
}

/** What a send has to say when it succeeded. */
export interface SendReceipt {
  readonly id: string;
  /** For {@link Queue.cancel}, where it was asked for. */
  readonly handle?: string | undefined;
}

/** One message's outcome of a batch. */
export type SendOutcome =
  | ({ readonly ok: true } & SendReceipt)
  | { readonly ok: false; readonly id: string | undefined; readonly error: QueueError };

/** Counts of one logical queue. What a provider cannot tell is undefined, never a made-up 0. */
export interface QueueStats {
  /** Ready to be received. */
  readonly messages: number | undefined;
  /** Leased by a receiver. */
  readonly inFlight: number | undefined;
  /** Ready and leased together: known also where the provider does not tell them apart. What is to be scaled by. */
  readonly backlog: number | undefined;
  /** Not yet due. */
  readonly delayed: number | undefined;
  /** In the dead-letter queue. */
  readonly failed: number | undefined;
  readonly approximate: boolean;
  readonly asOf: Date;
}

/** The context of one run of a handler. */
export interface ReceiveContext {
  readonly queue: string;
  /** 1 on the first run; never below the number of runs that really happened. */
  readonly attempt: number;
  /** When a worker first found the message's type unknown, in epoch milliseconds; undefined if none has. */
  readonly unknownSince: number | undefined;
  /** Aborts at the drain deadline and when the lease is lost; `signal.reason` says which. Created on first read. */
  readonly signal: AbortSignal;
  /**
   * Extends the lease now. It is also extended automatically, for as long as the handler runs.
   * @throws QueueError `lease_lost` if another receiver may have the message; `unavailable`, `auth`, `provider`
   */
  readonly extend: () => Promise<void>;
}

/**
 * Handles one message. To return nothing is to acknowledge; to throw is to retry with the queue's backoff; a
 * {@link Disposition} says it outright.
 */
export type Handler = (
  message: Message,
  context: ReceiveContext,
) => Promise<Disposition | void> | Disposition | void;

/** How a queue is received. Times in milliseconds. */
export interface ReceiveOptions {
  /** Stops intake and drains; `receive` then settles. Without it, {@link Queue.close} does. */
  readonly signal?: AbortSignal | undefined;
  /** Handlers running at once. @default 10 */
  readonly concurrency?: number | undefined;
  /** @default 30000 */
  readonly leaseMs?: Duration | undefined;
  /** A lease is extended when it is this old; at most half of it. @default 10000 */
  readonly extendEveryMs?: Duration | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** Running handlers get this long after the abort of `signal`, before theirs is aborted. @default 25000 */
  readonly drainMs?: Duration | undefined;
  /** After that, they get this long before their messages are released. @default 5000 */
  readonly graceMs?: Duration | undefined;
  /** The largest `maxAttempts` to be expected: where the broker would dead-letter before that, there is a warning. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Where a provider cannot count deliveries: give up attempts and the crash-loop guard knowingly. @default false */
  readonly allowUncounted?: boolean | undefined;
  /** Sees every event of this receiver. It must not throw. */
  readonly onEvent?: ((event: JobEvent | ReceiveEvent) => void) | undefined;
}

/** The same queue on every cloud. */
export interface Queue extends AsyncDisposable {
  /** The provider's name. */
  readonly provider: string;
  /** The clock that it waits by; a worker on this queue does too. */
  readonly clock: Clock;
  /** Sends one job. Resolves when the provider has accepted it. */
  send<P>(queue: string, message: NewMessage<P>, options?: SendOptions): Promise<SendReceipt>;
  /** Sends many. Resolves with one outcome a message, in their order; one that fails, fails alone. */
  sendBatch(queue: string, messages: readonly NewMessage[], options?: SendOptions): Promise<SendOutcome[]>;
  /** Sends one job that is delivered no earlier than after `delay`, of any length. */
  sendDelayed<P>(
    queue: string,
    message: NewMessage<P>,
    delay: Delay,
    options?: Omit<SendOptions, "delay">,
  ): Promise<SendReceipt>;
  /** Receives until `options.signal` aborts and what ran has been drained. Rejects `drain_incomplete` where a handler would not end. */
  receive(queue: string, handler: Handler, options?: ReceiveOptions): Promise<void>;
  stats(queue: string): Promise<QueueStats>;
  /** Lists, redrives and discards what was dead-lettered. */
  deadLetters(queue: string): DeadLetters;
  /** What waits for its delay in the delay store, by when it is due. `not_supported` where there is none. */
  delayed(queue: string, options?: { readonly limit?: number | undefined }): Promise<DelayedMessage[]>;
  /** Cancels a delayed send by its handle. False where it had been delivered or cancelled before. */
  cancel(handle: string): Promise<boolean>;
  /** Creates the queue with its dead-letter and parking queues where they are missing; agrees policies with ours. */
  ensure(queue: string, options?: EnsureOptions): Promise<void>;
  /** What `ensure` would change, read from what the provider has; empty where it would change nothing. */
  plan(queue: string, options?: EnsureOptions): Promise<QueueChange[]>;
  /** What the provider says of the queue, and what it can carry. */
  describe(queue: string): Promise<QueueDescription>;
  /**
   * Moves delayed messages of the queue on until `options.signal` aborts, and handles none: for queues whose receivers
   * come and go. Every receiver of the queue does the same beside its work.
   */
  pump(queue: string, options?: PumpOptions): Promise<void>;
  /** Removes the queue with its dead-letter and parking queues, and all that is in them. */
  drop(queue: string): Promise<void>;
  /** Sends what was accepted, drains receivers, frees the connection. Idempotent. */
  close(): Promise<void>;
}

/** A message that waits in a delay store. */
export interface DelayedMessage {
  /** For {@link Queue.cancel}. */
  readonly handle: string;
  readonly dueAt: Date;
  /** Undefined where its body cannot be read. */
  readonly message: Message | undefined;
}

/** How delayed messages are moved on. */
export interface PumpOptions {
  readonly signal?: AbortSignal | undefined;
  /** Sees what goes wrong. It must not throw. */
  readonly onEvent?: ((event: ReceiveEvent) => void) | undefined;
}

/** What is peculiar to one queue, and what its provider can carry. */
export interface QueueDescription {
  readonly traits: QueueTraits;
  readonly limits: Limits;
}

/** What a queue is created with. */
export interface EnsureOptions {
  /** Whether messages with one ordering key are kept in order. @default "none" */
  readonly ordering?: "none" | "by_key" | undefined;
  /** The largest `maxAttempts` that will be used on it: the broker's own limit is set above. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** @default 30000 */
  readonly leaseMs?: Duration | undefined;
}
