import type { Backoff } from "../backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { Connection, queueError } from "../transport/connection.ts";
import type { DeadLetters } from "../queue/dead-letters.ts";
import { lazyDeadLetters } from "./lazy-dead-letters.ts";
import type { Delay } from "../message/delay.ts";
import { DeadLetterReads } from "./dead-letter-reads.ts";
import { cancelDelayed, listDelayed } from "./delayed.ts";
import { Delays } from "../delay/delays.ts";
import type { DelayStore } from "../delay/store.ts";
import type { Driver, QueueChange } from "../driver/contract.ts";
import { UsedQueues } from "../driver/names.ts";
import { checkKeys, QueueError } from "../errors.ts";
import { loadReceive } from "./lazy-receive.ts";
import type { WireFormat } from "../message/format.ts";
import type { NewMessage } from "../message/message.ts";
import { ensureKeys, pumpKeys, receiveKeys, sendKeys } from "./option-keys.ts";
import type { Interceptor } from "../queue/interceptor.ts";
import { aroundRequests } from "./queue-hooks.ts";
import { dropQueue, ensureQueue, planQueue } from "./provision.ts";
import { managedCodec } from "./managed-codec.ts";
import type {
  ManagedCodec,
  ManagedHandler,
  ManagedQueue,
  ManagedReceiveOptions,
  ManagedSend,
  ManagedSendOptions,
} from "../queue/managed-receive.ts";
import type {
  DelayedMessage,
  EnsureOptions,
  PumpOptions,
  QueueDescription,
  QueueStats,
  SendOptions,
  SendOutcome,
  SendReceipt,
} from "../queue/queue.ts";
import type { Handler, ReceiveOptions } from "../queue/receive.ts";
import { Producer } from "../send/producer.ts";
import { track } from "./track.ts";
import { Sender } from "../send/sender.ts";
import { queueStats } from "./stats.ts";
import { show } from "../lib/text.ts";
import { allEnded } from "../lib/wait.ts";

/** The options of a queue, with all defaults filled in. */
export interface CoreQueueOptions {
  readonly backoff: Backoff;
  readonly sendDeadlineMs: number;
  readonly clock: Clock;
  /** Evenly distributed in [0, 1). */
  readonly random: () => number;
  readonly delayStore?: DelayStore | undefined;
  /** Undefined if the queue reads and writes the plain wire format only. */
  readonly format?: WireFormat | undefined;
  readonly interceptors: readonly Interceptor[];
}

const NONE: SendOptions = Object.freeze({});

/** Implements the queue on a driver. Each method checks its arguments and calls the part that does the work. */
export class CoreQueue implements ManagedQueue {
  readonly provider: string;
  readonly scope: string;
  readonly isProcessLocal: boolean;
  readonly clock: Clock;
  readonly codec: ManagedCodec | undefined;
  readonly #driver: Driver;
  readonly #options: CoreQueueOptions;
  readonly #connection: Connection;
  /** Undefined if there is no delay store. */
  readonly #delays: Delays | undefined;
  readonly #sender: Sender;
  readonly #producer: Producer;
  readonly #used = new UsedQueues();
  readonly #receiving = new Set<Promise<unknown>>();
  /** Aborts when `close` is called: receivers drain, and none is started. */
  readonly #closing = new AbortController();
  /** Aborts when the receivers have drained. Until then their handlers may call every other method. */
  readonly #drained = new AbortController();
  readonly #reads = new DeadLetterReads(this.#drained.signal);
  #closed: Promise<void> | undefined;

  constructor(driver: Driver, options: CoreQueueOptions) {
    this.provider = driver.provider;
    this.scope = driver.scope ?? driver.provider;
    this.isProcessLocal = driver.isProcessLocal ?? false;
    this.clock = options.clock;
    this.#driver = driver;
    this.#options = options;
    const { delayStore, clock, format, interceptors } = options;
    const around = aroundRequests(interceptors);
    this.#connection = new Connection(driver, clock, options.random, this, { format, around });
    this.codec = managedCodec(this.#connection, options.sendDeadlineMs);
    this.#delays = delayStore === undefined ? undefined : new Delays(delayStore, clock, format);
    this.#sender = new Sender(this.#connection, this.#delays);
    this.#producer = new Producer(this.#connection, this.#sender, options.sendDeadlineMs, interceptors);
  }

  send<P>(queue: string, message: NewMessage<P>, options: SendOptions = NONE): Promise<SendReceipt> {
    try {
      this.#assertUsable(queue);
      if (options !== NONE) checkKeys("send", options, sendKeys);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#producer.send(queue, message, options);
  }

  async sendBatch(
    queue: string,
    messages: readonly NewMessage[],
    options: SendOptions = {},
  ): Promise<SendOutcome[]> {
    this.#assertUsable(queue);
    checkKeys("sendBatch", options, sendKeys);
    return this.#producer.sendBatch(queue, messages, options);
  }

  sendManaged(queue: string, message: NewMessage, options: ManagedSendOptions = NONE): Promise<SendReceipt> {
    try {
      this.#assertUsable(queue);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#producer.send(queue, message, options);
  }

  async checkManaged(queue: string, message: NewMessage, options: ManagedSendOptions = NONE): Promise<void> {
    this.#assertUsable(queue);
    await this.#producer.check(queue, message, options);
  }

  async sendBatchManaged(
    queue: string,
    messages: readonly ManagedSend[],
    options: SendOptions = NONE,
  ): Promise<SendOutcome[]> {
    this.#assertUsable(queue);
    const plain = messages.map(({ message }) => message);
    return this.#producer.sendBatch(queue, plain, options, messages);
  }

  async sendDelayed<P>(
    queue: string,
    message: NewMessage<P>,
    delay: Delay,
    options: Omit<SendOptions, "delay"> = {},
  ): Promise<SendReceipt> {
    if (delay === undefined) {
      throw new QueueError("invalid_delay", "sendDelayed needs a delay. To send without one, call send.", {
        queue,
      });
    }
    return this.send(queue, message, { ...options, delay });
  }

  async receive(queue: string, handler: Handler, options: ReceiveOptions = {}): Promise<void> {
    checkKeys("receive", options, receiveKeys);
    return this.receiveManaged(queue, handler, options);
  }

  async receiveManaged(
    queue: string,
    handler: ManagedHandler,
    options: ManagedReceiveOptions,
  ): Promise<void> {
    this.#assertUsable(queue);
    this.#assertNotClosing(queue);
    if (typeof handler !== "function") {
      throw new QueueError(
        "invalid_options",
        `receive("${queue}") needs a handler function; got ${show(handler)}.`,
        { queue },
      );
    }
    options.signal?.throwIfAborted();
    const receiving = {
      connection: this.#connection,
      sender: this.#sender,
      delays: this.#delays,
      queue,
      handler,
      options,
      backoff: this.#options.backoff,
      interceptors: this.#options.interceptors,
      closing: this.#closing.signal,
    };
    await track(
      this.#receiving,
      loadReceive(({ receiveQueue }) => receiveQueue(receiving)),
    );
  }

  async stats(queue: string): Promise<QueueStats> {
    this.#assertUsable(queue);
    return this.#attempt(queue, "read the counts of", () =>
      queueStats(this.#connection, this.#delays, queue),
    );
  }

  deadLetters(queue: string): DeadLetters {
    this.#assertUsable(queue);
    return lazyDeadLetters(this.#connection, this.#sender, queue, {
      run: async (signal, work) => {
        this.#assertOpen(queue);
        return this.#reads.run(queue, signal, work);
      },
      use: (to) => this.#assertUsable(to),
    });
  }

  async delayed(
    queue: string,
    options: { readonly limit?: number | undefined } = {},
  ): Promise<DelayedMessage[]> {
    this.#assertUsable(queue);
    checkKeys("delayed", options, { limit: true });
    return listDelayed(this.#connection, this.#delays, queue, options.limit ?? 100);
  }

  async cancel(handle: string): Promise<boolean> {
    this.#assertOpen();
    return cancelDelayed(this.#connection, this.#delays, handle);
  }

  async ensure(queue: string, options: EnsureOptions = {}): Promise<void> {
    this.#assertUsable(queue);
    checkKeys("ensure", options, ensureKeys);
    await ensureQueue(this.#connection, queue, options);
  }

  async plan(queue: string, options: EnsureOptions = {}): Promise<QueueChange[]> {
    this.#assertUsable(queue);
    checkKeys("plan", options, ensureKeys);
    return planQueue(this.#connection, queue, options);
  }

  async describe(queue: string): Promise<QueueDescription> {
    this.#assertUsable(queue);
    this.#connection.forget();
    const traits = await this.#attempt(queue, "describe", () => this.#connection.traits(queue));
    const { limits } = this.#driver;
    const { maxMessageBytes = limits.maxMessageBytes } = traits;
    return maxMessageBytes < limits.maxMessageBytes
      ? { traits, limits: { ...limits, maxMessageBytes } }
      : { traits, limits };
  }

  async pump(queue: string, options: PumpOptions = {}): Promise<void> {
    this.#assertUsable(queue);
    checkKeys("pump", options, pumpKeys);
    this.#assertNotClosing(queue);
    options.signal?.throwIfAborted();
    const pumping = {
      connection: this.#connection,
      sender: this.#sender,
      delays: this.#delays,
      queue,
      options,
      closing: this.#closing.signal,
    };
    await track(
      this.#receiving,
      loadReceive(({ pumpUntilStopped }) => pumpUntilStopped(pumping)),
    );
  }

  async drop(queue: string): Promise<void> {
    this.#assertUsable(queue);
    await dropQueue(this.#connection, this.#delays, queue);
    this.#used.forget(queue);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const closed = new QueueError("closed", "The queue is closing.");
    this.#closing.abort(closed);
    // The caller of `receive` gets the error of a drain.
    if (this.#receiving.size > 0) await Promise.allSettled(this.#receiving);
    this.#drained.abort(closed);
    await this.#reads.ended();
    await this.#producer.flush();
    await this.#sender.close();
    // Each is closed, whatever becomes of the other.
    await allEnded([this.#driver, this.#delays?.store].map(async (one) => one?.close()));
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
      throw new QueueError("invalid_options", `A queue name is a non-empty string; got ${show(queue)}.`);
    }
    this.#assertOpen(queue);
    this.#used.use(queue);
  }

  #assertOpen(queue?: string): void {
    if (!this.#drained.signal.aborted) return;
    throw new QueueError("closed", "This queue is closed. Open another one.", { queue });
  }

  #assertNotClosing(queue: string): void {
    if (!this.#closing.signal.aborted) return;
    throw new QueueError("closed", "This queue is closing, and receives no more. Open another one.", {
      queue,
    });
  }
}
