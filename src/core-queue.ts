import type { Backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { Connection, queueError } from "./connection.ts";
import { DeadLetterQueue } from "./dead-letter/dead-letter-queue.ts";
import type { DeadLetters } from "./dead-letter/dead-letters.ts";
import { defaults } from "./defaults.ts";
import type { Delay } from "./delay/delay.ts";
import { channels, type SendEvent } from "./diagnostics.ts";
import type { Driver } from "./driver/contract.ts";
import type { QueueTraits } from "./driver/limits.ts";
import { describeError, isQueueError, QueueError } from "./errors.ts";
import type { NewMessage } from "./message.ts";
import type {
  EnsureOptions,
  Handler,
  Queue,
  QueueStats,
  ReceiveOptions,
  SendOptions,
  SendOutcome,
  SendReceipt,
} from "./queue.ts";
import { brokerMaxDeliveries } from "./receive/crash-loop.ts";
import { receiveQueue } from "./receive/receive-queue.ts";
import { validateInTime } from "./schema.ts";
import { compose, type Composed, type Prepared, prepare } from "./send/prepare.ts";
import { type Dispatch, Sender } from "./send/sender.ts";
import { traitsInTime } from "./send/traits.ts";
import { queueStats } from "./stats.ts";
import { show } from "./text.ts";

export interface CoreQueueOptions {
  readonly backoff: Backoff;
  readonly sendDeadlineMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A message that has passed every check, and how long it has left. */
type Ready = Prepared & Pick<Dispatch, "deadlineMs" | "signal">;

/** The portable queue on one driver. */
export class CoreQueue implements Queue {
  readonly provider: string;
  readonly clock: Clock;
  readonly #driver: Driver;
  readonly #options: CoreQueueOptions;
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #receiving = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  /** Messages that a caller has given and that have no outcome yet. */
  #sending = 0;
  #allSent: () => void = () => {};

  constructor(driver: Driver, options: CoreQueueOptions) {
    this.provider = driver.provider;
    this.clock = options.clock;
    this.#driver = driver;
    this.#options = options;
    this.#connection = new Connection(driver, options.clock, options.random, this);
    this.#sender = new Sender(this.#connection);
  }

  async send<P>(queue: string, message: NewMessage<P>, options: SendOptions = {}): Promise<SendReceipt> {
    this.#assertUsable(queue);
    options.signal?.throwIfAborted();
    const deadlineMs = this.#deadlineMs(options);
    this.#sending += 1;
    try {
      const ready = this.#prepare(queue, message, options, deadlineMs);
      return await this.#dispatch(queue, ready instanceof Promise ? await ready : ready);
    } finally {
      this.#sent(1);
    }
  }

  async sendBatch(
    queue: string,
    messages: readonly NewMessage[],
    options: SendOptions = {},
  ): Promise<SendOutcome[]> {
    this.#assertUsable(queue);
    if (!Array.isArray(messages)) {
      throw new QueueError(
        "invalid_options",
        `sendBatch takes an array of messages; got ${show(messages)}. send takes one.`,
        { queue },
      );
    }
    options.signal?.throwIfAborted();
    const deadlineMs = this.#deadlineMs(options);
    const refused =
      (index: number) =>
      (error: unknown): SendOutcome => ({
        ok: false,
        id: messages[index]?.id,
        error: sendError(queue, error),
      });
    this.#sending += messages.length;
    // All of them are ready before the first goes: one whose schema takes its time keeps its place among the others.
    const ready = await Promise.all(
      messages.map((message, index) => {
        try {
          const one = this.#prepare(queue, message, options, deadlineMs);
          return one instanceof Promise ? one.catch(refused(index)) : one;
        } catch (error) {
          return refused(index)(error);
        }
      }),
    );
    const outcomes = ready.map((one, index): SendOutcome | Promise<SendOutcome> => {
      if ("ok" in one) return one;
      return this.#dispatch(queue, one).then((receipt) => ({ ok: true, ...receipt }), refused(index));
    });
    return Promise.all(outcomes).finally(() => this.#sent(messages.length));
  }

  async sendDelayed<P>(
    queue: string,
    message: NewMessage<P>,
    delay: Delay,
    options: Omit<SendOptions, "delay"> = {},
  ): Promise<SendReceipt> {
    if (delay === undefined) {
      throw new QueueError("invalid_delay", "sendDelayed needs a delay; send is without.", { queue });
    }
    return this.send(queue, message, { ...options, delay });
  }

  async receive(queue: string, handler: Handler, options: ReceiveOptions = {}): Promise<void> {
    this.#assertUsable(queue);
    if (typeof handler !== "function") {
      throw new QueueError(
        "invalid_options",
        `receive("${queue}") needs a handler function; got ${show(handler)}.`,
        { queue },
      );
    }
    options.signal?.throwIfAborted();
    const receiving = receiveQueue({
      connection: this.#connection,
      sender: this.#sender,
      queue,
      handler,
      options,
      backoff: this.#options.backoff,
      closing: this.#closing.signal,
    });
    this.#receiving.add(receiving);
    try {
      await receiving;
    } finally {
      this.#receiving.delete(receiving);
    }
  }

  async stats(queue: string): Promise<QueueStats> {
    this.#assertUsable(queue);
    return this.#attempt(queue, "read the counts of", () => queueStats(this.#connection, queue));
  }

  deadLetters(queue: string): DeadLetters {
    this.#assertUsable(queue);
    return new DeadLetterQueue(this.#connection, this.#sender, queue);
  }

  async cancel(handle: string): Promise<boolean> {
    this.#assertOpen();
    const driver = this.#driver;
    if (driver.cancel === undefined || !driver.limits.cancel) {
      throw new QueueError(
        "not_supported",
        `${this.provider} cannot cancel delayed messages. Let the handler check whether the job is still wanted.`,
      );
    }
    if (typeof handle !== "string" || handle === "") {
      throw new QueueError(
        "invalid_options",
        `cancel takes the handle of a send with cancellable: true; got ${show(handle)}.`,
      );
    }
    return this.#attempt(
      "",
      "cancel a delayed message",
      async () => (await driver.cancel?.(handle)) ?? false,
    );
  }

  async ensure(queue: string, options: EnsureOptions = {}): Promise<void> {
    this.#assertUsable(queue);
    const { ordering = "none", maxAttempts = defaults.maxAttempts, leaseMs = defaults.leaseMs } = options;
    const admin = this.#admin("create queues");
    const spec = {
      ordering,
      brokerMaxDeliveries: brokerMaxDeliveries(maxAttempts, ordering === "by_key"),
      leaseMs,
    };
    await this.#attempt(queue, "create", () => admin.ensure(queue, spec));
    this.#connection.forget();
  }

  async drop(queue: string): Promise<void> {
    this.#assertUsable(queue);
    const admin = this.#admin("remove queues");
    await this.#attempt(queue, "remove", () => admin.drop(queue));
    this.#connection.forget();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(new QueueError("closed", "The queue is closing."));
    // What a receiver has to say of its drain goes to who called receive.
    await Promise.allSettled(this.#receiving);
    if (this.#sending > 0) await new Promise<void>((resolve) => (this.#allSent = resolve));
    await this.#sender.close();
    await this.#driver.close();
  }

  #sent(count: number): void {
    this.#sending -= count;
    if (this.#sending === 0) this.#allSent();
  }

  async #dispatch(queue: string, ready: Ready): Promise<SendReceipt> {
    const { id } = ready.message;
    try {
      const { handle } = await this.#sender.dispatch(queue, ready.outgoing, ready);
      this.#publish(queue, ready, "sent");
      return handle === undefined ? { id } : { id, handle };
    } catch (error) {
      this.#publish(queue, ready, isQueueError(error, "send_unknown") ? "unknown" : "failed");
      throw error;
    }
  }

  /** At once where there is nothing to wait for: neither the schema nor what the queue can do. */
  #prepare(
    queue: string,
    input: NewMessage,
    options: SendOptions,
    deadlineMs: number,
  ): Ready | Promise<Ready> {
    const { signal } = options;
    const { clock } = this.#options;
    const startedAt = clock.now();
    // What travels is what was given: the receiver's own schema transforms it.
    const composed = compose(input, options, startedAt);
    const validating =
      input.schema === undefined ? undefined : validateInTime(input.schema, input, clock, deadlineMs);
    const known = this.#connection.knownTraits(queue);
    if (validating === undefined && known !== undefined)
      return this.#ready(queue, composed, known, deadlineMs, signal);
    const waitThen = async (): Promise<Ready> => {
      await validating;
      const traits =
        this.#connection.knownTraits(queue) ??
        (await traitsInTime(this.#connection, queue, deadlineMs, signal));
      const leftMs = Math.max(1, startedAt + deadlineMs - clock.now());
      return this.#ready(queue, composed, traits, leftMs, signal);
    };
    return waitThen();
  }

  #ready(
    queue: string,
    composed: Composed,
    traits: QueueTraits,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Ready {
    const { limits } = this.#driver;
    const to = { queue, provider: this.provider, traits, limits };
    const { message, outgoing, bytes, delayMs, keepsOrder } = prepare(to, composed);
    return { message, outgoing, bytes, delayMs, keepsOrder, deadlineMs, signal };
  }

  #deadlineMs({ deadlineMs = this.#options.sendDeadlineMs }: SendOptions): number {
    if (Number.isFinite(deadlineMs) && deadlineMs > 0) return deadlineMs;
    throw new QueueError(
      "invalid_options",
      `deadlineMs must be a finite number of milliseconds, more than 0; got ${show(deadlineMs)}.`,
    );
  }

  #admin(attempted: string): NonNullable<Driver["admin"]> {
    const { admin } = this.#driver;
    if (admin !== undefined) return admin;
    throw new QueueError(
      "not_supported",
      `The ${this.provider} adapter cannot ${attempted}. Do it with the provider's own tools.`,
    );
  }

  async #attempt<T>(queue: string, attempted: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw queueError(error, queue, attempted, this.provider);
    }
  }

  #assertUsable(queue: string): void {
    if (typeof queue !== "string" || queue === "") {
      throw new QueueError(
        "invalid_options",
        `A queue is called by its name, a non-empty string; got ${show(queue)}.`,
      );
    }
    this.#assertOpen(queue);
  }

  #assertOpen(queue?: string): void {
    if (this.#closed === undefined) return;
    throw new QueueError("closed", "This queue was closed before. Open another one.", { queue });
  }

  #publish(queue: string, { message, delayMs }: Prepared, outcome: SendEvent["outcome"]): void {
    if (!channels.send.hasSubscribers) return;
    const { id, type } = message;
    channels.send.publish({
      provider: this.provider,
      queue,
      source: this,
      type,
      id,
      outcome,
      message,
      delayMs,
    });
  }
}

function sendError(queue: string, error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const sentence = `The message was not sent to queue "${queue}": ${describeError(error)}.`;
  return new QueueError("send_failed", sentence, { queue, cause: error });
}
