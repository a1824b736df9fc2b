import type { BackoffOptions } from "../backoff.ts";
import type { PauseController } from "../lib/pause.ts";
import type { EncodedPayload } from "../message/codec.ts";
import type { Message, NewMessage } from "../message/message.ts";
import type { Disposition } from "./disposition.ts";
import type { Delay } from "../message/delay.ts";
import type { Queue, SendOptions, SendOutcome, SendReceipt } from "./queue.ts";
import type { ReceiveContext, ReceiveOptions } from "./receive.ts";
import type { Tracker } from "./tracker.ts";

/**
 * Decides the disposition of a message when its handler has ended. Exactly one of the two methods is called, once. `at` is
 * the time at which the handler ended, in milliseconds of the monotonic clock.
 */
export interface Decider {
  returned(value: unknown, at: number): Disposition;
  threw(error: unknown, at: number): Disposition;
}

/** The context of one run of a handler, with the members that only a worker uses. */
export interface ManagedRun extends ReceiveContext {
  /** The time at which the handler was called, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** The value that the tracker keeps with the run; undefined if there is no tracker. */
  readonly tracking: unknown;
  /**
   * Returns the disposition of a run that failed with `error`. `backoff` overrides the backoff of the queue. The backoff
   * of the message, if it has one, overrides both.
   */
  failure(error: unknown, backoff?: BackoffOptions): Disposition;
  /** Settles the message now. The handler keeps its slot until it ends, and its result is discarded. */
  giveUp(disposition: Disposition): void;
  /** Sets the decider. Without one, the value that the handler returns is the disposition. */
  decidedBy(decider: Decider): void;
  /** Aborts the signal of this run alone. */
  abort(reason: Error): void;
}

/** Handles one message for a worker. The decider, if there is one, interprets the returned value. */
export type ManagedHandler = (message: Message, run: ManagedRun) => unknown;

/** The options of {@link ManagedQueue.receiveManaged}. */
export interface ManagedReceiveOptions extends ReceiveOptions {
  /**
   * Maximum concurrent handlers for a job type. `undefined` means that only `concurrency` applies. If this function
   * throws, the type is limited to 1 and a `concurrency_of` warning is emitted once.
   */
  readonly concurrencyOf?: ((type: string) => number | undefined) | undefined;
  /** `maxAttempts` of the messages of a job type that do not say it themselves, as those of other systems do not. */
  readonly maxAttemptsOf?: ((type: string) => number | undefined) | undefined;
  /** Pauses the receiver: while it is paused, no new messages are received. */
  readonly pause?: PauseController | undefined;
  /** Called once, when the first poll is under way. */
  readonly onPolling?: (() => void) | undefined;
  /** Remembers the runs outside of the broker. @default none */
  readonly tracker?: Tracker | undefined;
}

/** Facts that a job system has recorded about a message that it sends. */
export interface ManagedFacts {
  /** When the message was created, in epoch milliseconds. @default now */
  readonly createdAt?: number | undefined;
  /** When it was due, in epoch milliseconds. @default now and the delay, if there is one */
  readonly scheduledAt?: number | undefined;
  /** Deduplication id on a queue that deduplicates; ignored on any other. @default the id of the message */
  readonly repeatId?: string | undefined;
  /** System attributes. @default none */
  readonly system?:
    | { readonly qp_redrive?: number | undefined; readonly qp_job?: string | undefined }
    | undefined;
}

/** The options of {@link ManagedQueue.sendManaged}. */
export interface ManagedSendOptions extends SendOptions, ManagedFacts {
  /**
   * The encoding of a payload that a codec has encoded before. It travels as it is, past the codec, unless an interceptor
   * replaces it. @default none
   */
  readonly encoding?: string | undefined;
  /**
   * Called before the message is sent, with the payload as the codec has encoded it, or with undefined if it travels as it
   * is. Not called if the queue has no codec, or an interceptor has taken the message over.
   */
  readonly onEncoded?: ((encoded: EncodedPayload | undefined) => void) | undefined;
}

/** The codec of a queue, for payloads that are kept beside the queue. */
export interface ManagedCodec {
  /**
   * Returns the payload as the codec encodes it; undefined if it travels as it is.
   * @throws QueueError `send_timeout`, `send_failed`, `invalid_payload` as a send does
   */
  encode(
    queue: string,
    message: NewMessage & { readonly id: string },
    options?: { readonly deadlineMs?: number | undefined },
  ): Promise<EncodedPayload | undefined>;
  /**
   * Returns the payload of a job in clear.
   * @throws the error of the codec; QueueError `timeout` when it does not answer within 10 s
   */
  decode(
    queue: string,
    job: { readonly id: string; readonly type: string },
    encoded: EncodedPayload,
  ): Promise<unknown>;
}

/** One message of {@link ManagedQueue.sendBatchManaged}. */
export interface ManagedSend extends ManagedFacts {
  readonly message: NewMessage;
  /** Minimum time until the message is delivered. @default `delay` of the batch */
  readonly delay?: Delay | undefined;
}

/**
 * A queue that a worker can receive from, and that a job system can send to. Not part of the public API: applications call
 * {@link Queue.receive} and {@link Queue.send}.
 */
export interface ManagedQueue extends Queue {
  /** Receives messages as {@link Queue.receive} does. `handler` is called with a context that has the members for workers. */
  receiveManaged(queue: string, handler: ManagedHandler, options: ManagedReceiveOptions): Promise<void>;
  /** Sends one message as {@link Queue.send} does. */
  sendManaged(queue: string, message: NewMessage, options?: ManagedSendOptions): Promise<SendReceipt>;
  /**
   * Checks a message as {@link sendManaged} does, and sends nothing: its payload, its size, and the traits of its queue.
   * Neither the interceptors nor the codec are called. If the provider cannot be asked within `deadlineMs`, the traits are
   * not checked.
   */
  checkManaged(queue: string, message: NewMessage, options: ManagedSendOptions): Promise<void>;
  /** Sends several messages as {@link Queue.sendBatch} does. */
  sendBatchManaged(
    queue: string,
    messages: readonly ManagedSend[],
    options?: SendOptions,
  ): Promise<SendOutcome[]>;
  /** Undefined if payloads travel as they are. */
  readonly codec: ManagedCodec | undefined;
  /**
   * The place of the queues: the provider, with the account, the region and the prefix of names as far as they are known.
   * The same in all processes that reach the same queues. Has no secret.
   */
  readonly scope: string;
  /** Whether no other process gets the messages of the queues. */
  readonly isProcessLocal: boolean;
}
