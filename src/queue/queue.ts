import type { Clock } from "../lib/clock.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { Duration } from "../lib/duration.ts";
import type { Delay } from "../message/delay.ts";
import type { QueueChange } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import type { QueueError } from "../errors.ts";
import type { Message, NewMessage } from "../message/message.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Handler, ReceiveOptions } from "./receive.ts";

/** The options of {@link Queue.send}, {@link Queue.sendBatch} and {@link Queue.sendDelayed}. */
export interface SendOptions {
  /**
   * Maximum time of the send, including retries; a number is in milliseconds.
   * @default the queue's `sendDeadlineMs`, which is 30000 unless it is set
   */
  readonly deadlineMs?: Duration | undefined;
  /**
   * Abandons the send. The send then rejects with the signal's reason, or with `send_unknown` if the message may have been
   * sent.
   * @default none
   */
  readonly signal?: AbortSignal | undefined;
  /** Minimum time until the message is delivered. @default 0 */
  readonly delay?: Delay | undefined;
  /** Whether to return a handle for {@link Queue.cancel}. @default false */
  readonly cancellable?: boolean | undefined;
  /**
   * A transaction of the application's database, in which the message is written: it is sent if the transaction is
   * committed, and was never sent if it is rolled back. Only for providers that keep their messages in that database
   * (`limits.transactional`); their page says what to pass. Messages of one transaction are written in their order, and
   * never together with others. A write that fails is not repeated: roll the transaction back.
   * @default none
   */
  readonly transaction?: object | undefined;
}

/** The result of a successful send. */
export interface SendReceipt {
  /** The id of the message. */
  readonly id: string;
  /** The handle for {@link Queue.cancel}; set if the send was `cancellable`. */
  readonly handle?: string | undefined;
}

/** The outcome of one message of {@link Queue.sendBatch}. */
export type SendOutcome =
  | ({ readonly ok: true } & SendReceipt)
  | { readonly ok: false; readonly id: string | undefined; readonly error: QueueError };

/** The counts of one logical queue. A count that the provider does not report is undefined, never a guess. */
export interface QueueStats {
  /** Messages that can be received now. */
  readonly messages: number | undefined;
  /** Messages that a receiver has leased. */
  readonly inFlight: number | undefined;
  /**
   * Ready and leased messages together. Some providers report only this sum. Use it to scale the number of workers.
   */
  readonly backlog: number | undefined;
  /** Messages that are not due yet: at the provider, in the delay queue and in the delay store. */
  readonly delayed: number | undefined;
  /** Messages in the dead-letter queue. */
  readonly failed: number | undefined;
  /** Whether the counts may be wrong or old. */
  readonly approximate: boolean;
  /** The time at which the oldest of the counts was measured. */
  readonly asOf: Date;
}

/**
 * A connection to a provider and its queues. Each method takes the logical name of a queue. Methods that make requests
 * reject with a {@link QueueError}. In addition to the codes that a method lists, the error may have one of these codes:
 *
 * - `closed` when the connection was closed
 * - `invalid_options` when an argument is wrong
 * - `not_found` when the queue does not exist
 * - `auth`, `unavailable` or `provider` when the provider refuses the request or cannot be reached
 *
 * @example
 * const queue: Queue = createQueue(memory());
 * await queue.send("emails", { type: "send_welcome_email", payload: { userId: "u1" } });
 * await queue.close();
 */
export interface Queue extends AsyncDisposable {
  /** The provider's name, such as `sqs`. */
  readonly provider: string;
  /** The clock that measures delays, leases and deadlines. A worker on this queue uses it too. */
  readonly clock: Clock;
  /**
   * Sends one job. Resolves when the provider has accepted it. A request that fails is retried until the deadline.
   *
   * @throws QueueError `invalid_message`, `invalid_payload`, `invalid_headers` or `invalid_delay` when the input is
   * wrong
   * @throws QueueError `too_large` when the message exceeds a size limit of the provider
   * @throws QueueError `not_supported` when the queue does not support the ordering key, dedup id, delay, handle or
   * transaction
   * @throws QueueError `queue_full` when the queue accepts no more messages
   * @throws QueueError `send_timeout` or `send_failed` when the deadline passed and the message was not sent
   * @throws QueueError `send_unknown` when the message may or may not have been sent
   *
   * @example
   * const { id } = await queue.send("emails", {
   *   type: "send_welcome_email",
   *   payload: { userId: "u1" },
   *   maxAttempts: 3,
   * });
   */
  send<P>(queue: string, message: NewMessage<P>, options?: SendOptions): Promise<SendReceipt>;
  /**
   * Sends several jobs, in as few requests as the provider allows. Resolves with one outcome per message, in the order
   * of the messages. A message that fails does not affect the others. Its outcome has the error that {@link send} would
   * throw.
   *
   * @throws QueueError `invalid_options` when `messages` is not an array
   *
   * @example
   * const outcomes = await queue.sendBatch("emails", users.map((user) => welcome.message({ userId: user.id })));
   * const failed = outcomes.filter((outcome) => !outcome.ok);
   */
  sendBatch(queue: string, messages: readonly NewMessage[], options?: SendOptions): Promise<SendOutcome[]>;
  /**
   * Sends one job that is delivered no earlier than after `delay`. The delay may have any length. If it is too long for
   * the provider, the message waits in the delay queue or in the delay store.
   *
   * @throws QueueError with the codes of {@link send}; also `not_supported` when the message has an ordering key on a
   * queue that keeps order
   *
   * @example
   * await queue.sendDelayed("emails", { type: "send_tips", payload: { userId: "u1" } }, { days: 3 });
   */
  sendDelayed<P>(
    queue: string,
    message: NewMessage<P>,
    delay: Delay,
    options?: Omit<SendOptions, "delay">,
  ): Promise<SendReceipt>;
  /**
   * Receives messages and calls `handler` for each, until `options.signal` aborts. Then the receiver drains: it waits for
   * running handlers to end, and releases all other messages. While the provider cannot be reached, polls are retried. To
   * handle several job types, use a `Worker`.
   *
   * Rejects with the signal's reason if the signal has aborted before the call.
   *
   * @throws QueueError `not_supported` when the queue does not count deliveries, unless `allowUncounted` is set
   * @throws QueueError `drain_incomplete` when a handler did not end within `drainMs` and `graceMs`
   *
   * @example
   * await queue.receive("emails", async ({ payload }, { signal }) => mail(payload, signal), {
   *   signal: shutdown.signal,
   * });
   */
  receive(queue: string, handler: Handler, options?: ReceiveOptions): Promise<void>;
  /**
   * Counts the messages in the queue, in its delay queue, in its dead-letter queue and in the delay store.
   *
   * @example
   * const { messages, failed } = await queue.stats("emails");
   */
  stats(queue: string): Promise<QueueStats>;
  /**
   * Returns the dead letters of the queue, to list, redrive or discard them. Makes no request.
   *
   * @throws QueueError `closed` or `invalid_options`, synchronously
   *
   * @example
   * const found = await queue.deadLetters("emails").list({ type: "send_welcome_email" });
   */
  deadLetters(queue: string): DeadLetters;
  /**
   * Lists the messages that wait in the delay store, in the order in which they are due. `limit` is 1 or more; the
   * default is 100.
   *
   * @throws QueueError `not_supported` when there is no delay store
   *
   * @example
   * for (const { handle, dueAt } of await queue.delayed("emails", { limit: 10 })) console.log(handle, dueAt);
   */
  delayed(queue: string, options?: { readonly limit?: number | undefined }): Promise<DelayedMessage[]>;
  /**
   * Cancels a delayed message by the handle that its send returned. Resolves with false if the message was already
   * delivered or cancelled.
   *
   * @throws QueueError `not_supported` when neither the provider nor a delay store can cancel
   *
   * @example
   * const { handle } = await queue.sendDelayed("emails", tips, { days: 3 }, { cancellable: true });
   * if (handle !== undefined) await queue.cancel(handle);
   */
  cancel(handle: string): Promise<boolean>;
  /**
   * Creates the queue, its dead-letter queue and its delay queue; changes the settings of those that exist. Idempotent.
   *
   * @throws QueueError `not_supported` when the adapter cannot create queues
   * @throws QueueError `provider` when a queue exists with settings that cannot be changed
   *
   * @example
   * await queue.ensure("emails", { maxAttempts: 10 });
   */
  ensure(queue: string, options?: EnsureOptions): Promise<void>;
  /**
   * Returns what {@link ensure} would change, and changes nothing. The array is empty if `ensure` would change nothing.
   *
   * @throws QueueError `not_supported` when the adapter cannot compare a queue with the options
   *
   * @example
   * for (const { kind, resource, setting } of await queue.plan("emails")) console.log(kind, resource, setting);
   */
  plan(queue: string, options?: EnsureOptions): Promise<QueueChange[]>;
  /**
   * Reads the traits of the queue, and returns them with the limits of the provider.
   *
   * @example
   * const { traits, limits } = await queue.describe("emails");
   * console.log(traits.ordering, limits.maxMessageBytes);
   */
  describe(queue: string): Promise<QueueDescription>;
  /**
   * Moves delayed messages to the queue when they are due, until `options.signal` aborts. Calls no handler. Every receiver
   * of the queue moves delayed messages too, so `pump` is only needed while the queue has no receiver.
   *
   * @example
   * await queue.pump("emails", { signal: shutdown.signal });
   */
  pump(queue: string, options?: PumpOptions): Promise<void>;
  /**
   * Removes the queue, its dead-letter queue and its delay queue, with all their messages.
   *
   * @throws QueueError `not_supported` when the adapter cannot remove queues
   *
   * @example
   * await queue.drop("emails");
   */
  drop(queue: string): Promise<void>;
  /**
   * Drains the receivers, waits for the sends that have begun, and closes the connection. Idempotent. Until the receivers
   * have drained, the running handlers can send; only `receive` and `pump` are refused. Operations on dead letters end
   * after their current batch, and reject as `closed`.
   *
   * @example
   * for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => queue.close());
   */
  close(): Promise<void>;
}

/** A message that waits in a delay store. */
export interface DelayedMessage {
  /** The handle for {@link Queue.cancel}. */
  readonly handle: string;
  /** The time from which the message may be delivered. */
  readonly dueAt: Date;
  /** The message; undefined if the body cannot be read. */
  readonly message: Message | undefined;
}

/** The options of {@link Queue.pump}. */
export interface PumpOptions {
  /** Ends the pump. @default none; {@link Queue.close} ends the pump */
  readonly signal?: AbortSignal | undefined;
  /** Called with each problem. If it throws, the error is reported as a `warning` with the code `listener`. @default none */
  readonly onEvent?: ((event: ReceiveEvent) => void) | undefined;
}

/** The traits of one queue, and the limits of its provider. */
export interface QueueDescription {
  readonly traits: QueueTraits;
  readonly limits: Limits;
}

/** The options of {@link Queue.ensure} and {@link Queue.plan}. */
export interface EnsureOptions {
  /** Whether the queue keeps the order of messages with the same ordering key. @default "none" */
  readonly ordering?: "none" | "by_key" | undefined;
  /**
   * The largest `maxAttempts` that senders use. The broker's own limit of deliveries is set above it.
   * @default 5
   */
  readonly maxAttempts?: number | undefined;
  /** The lease, on a provider where a queue has a fixed lease; a number is in milliseconds. @default 30000 */
  readonly leaseMs?: Duration | undefined;
}
