import type { Connection } from "../transport/connection.ts";
import { channels, type SendEvent } from "../diagnostics.ts";
import { describeError, isQueueError, QueueError } from "../errors.ts";
import type { PayloadCodec } from "../message/codec.ts";
import type { NewMessage } from "../message/message.ts";
import type { Interceptor } from "../queue/interceptor.ts";
import type { ManagedSend, ManagedSendOptions } from "../queue/managed-receive.ts";
import type { SendOptions, SendOutcome, SendReceipt } from "../queue/queue.ts";
import { validateInTime } from "../message/schema.ts";
import { durationMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";
import { checkMessage } from "./check.ts";
import { compose, type Composed, type Prepared, prepare } from "./prepare.ts";
import type { Accepted, SendListener } from "./request.ts";
import { leftMs, type Sender, type SendTerms } from "./sender.ts";
import { encodePayload, SendInterceptors } from "./sending-hook.ts";
import { TickClock } from "../lib/tick-clock.ts";
import { traitsInTime } from "./traits.ts";
import { transactionOf } from "./transaction.ts";

/** Checks, sends and reports the messages of users, and counts those without an outcome. */
export class Producer {
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #deadlineMs: number;
  /** Undefined if no interceptor is concerned with sends. */
  readonly #interceptors: SendInterceptors | undefined;
  readonly #ticks: TickClock;
  #outstanding = 0;
  #idle: () => void = () => {};

  constructor(
    connection: Connection,
    sender: Sender,
    deadlineMs: number,
    interceptors: readonly Interceptor[] = [],
  ) {
    this.#connection = connection;
    this.#sender = sender;
    this.#deadlineMs = deadlineMs;
    this.#ticks = new TickClock(connection.clock);
    this.#interceptors = SendInterceptors.of(interceptors);
  }

  send(queue: string, message: NewMessage, options: ManagedSendOptions): Promise<SendReceipt> {
    if (this.#interceptors === undefined) return this.#send(queue, message, options);
    return this.#tracked(
      this.#interceptors.send({ queue, message, options }, (changed) =>
        this.#send(queue, changed, afterInterceptors(options, message, changed)),
      ),
    );
  }

  /** Checks a message as a send does, and sends nothing. */
  async check(queue: string, message: NewMessage, options: ManagedSendOptions): Promise<void> {
    const { target } = this.#sender;
    await checkMessage(this.#connection, target, queue, message, options, this.#deadlineOf(options));
  }

  #send(queue: string, message: NewMessage, options: ManagedSendOptions): Promise<SendReceipt> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const prepared = this.#prepare(queue, message, options, this.#deadlineOf(options));
      this.#outstanding += 1;
      if (prepared instanceof Promise) this.#dispatchLater(queue, prepared, resolve, reject);
      else this.#dispatch(queue, prepared, resolve, reject);
    });
  }

  async sendBatch(
    queue: string,
    messages: readonly NewMessage[],
    options: SendOptions,
    facts?: readonly ManagedSend[],
  ): Promise<SendOutcome[]> {
    if (!Array.isArray(messages)) {
      throw new QueueError(
        "invalid_options",
        `sendBatch takes an array of messages; got ${show(messages)}. send takes one.`,
        { queue },
      );
    }
    options.signal?.throwIfAborted();
    const deadlineMs = this.#deadlineOf(options);
    const optionsOf = (index: number): ManagedSendOptions => withFacts(options, facts?.[index]);
    if (this.#interceptors !== undefined)
      return this.#sendBatchThrough(this.#interceptors, queue, messages, optionsOf, deadlineMs);
    const refused = (index: number, error: unknown): SendOutcome => refusal(queue, messages[index], error);
    const count = messages.length;
    this.#outstanding += count;
    try {
      // All are prepared before the first is sent, so that one with a slow schema keeps its place among the others.
      // Array.from, since map would skip a hole in the list, which is a missing message.
      const preparing = Array.from(messages, async (message: NewMessage, index) => {
        try {
          return await this.#prepare(queue, message, optionsOf(index), deadlineMs);
        } catch (error) {
          return refused(index, error);
        }
      });
      const sending = (await Promise.all(preparing)).map(async (one, index): Promise<SendOutcome> => {
        if ("ok" in one) return one;
        this.#outstanding += 1;
        return new Promise((resolve) => {
          this.#dispatch(
            queue,
            one,
            (receipt) => resolve({ ok: true, ...receipt }),
            (error) => resolve(refused(index, error)),
          );
        });
      });
      return await Promise.all(sending);
    } finally {
      this.#done(count);
    }
  }

  #sendBatchThrough(
    interceptors: SendInterceptors,
    queue: string,
    messages: readonly NewMessage[],
    optionsOf: (index: number) => ManagedSendOptions,
    deadlineMs: number,
  ): Promise<SendOutcome[]> {
    const sending = interceptors.sendInOrder(
      Array.from(messages, (message: NewMessage, index) => ({ queue, message, options: optionsOf(index) })),
      async (message, { options }) => this.#prepare(queue, message, options, deadlineMs),
      (prepared, resolve, reject) => {
        this.#outstanding += 1;
        this.#dispatch(queue, prepared, resolve, reject);
      },
    );
    const outcomes = sending.map((sent, index) =>
      this.#tracked(sent).then(
        (receipt): SendOutcome => ({ ok: true, ...receipt }),
        (error: unknown): SendOutcome => refusal(queue, messages[index], error),
      ),
    );
    return Promise.all(outcomes);
  }

  /** Counts a send as outstanding until it has its outcome, so that `flush` waits for its interceptors. */
  async #tracked<T>(sending: Promise<T>): Promise<T> {
    this.#outstanding += 1;
    try {
      return await sending;
    } finally {
      this.#done(1);
    }
  }

  /** Resolves when every message has its outcome. */
  async flush(): Promise<void> {
    if (this.#outstanding > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #done(count: number): void {
    this.#outstanding -= count;
    if (this.#outstanding === 0) this.#idle();
  }

  #dispatch(
    queue: string,
    prepared: Prepared,
    resolve: (receipt: SendReceipt) => void,
    reject: (error: unknown) => void,
  ): void {
    const caller = new FirstSend(queue, prepared, this.#ended, resolve, reject);
    this.#sender.dispatchFor(caller, queue, prepared.outgoing, prepared);
  }

  #dispatchLater(
    queue: string,
    preparing: Promise<Prepared>,
    resolve: (receipt: SendReceipt) => void,
    reject: (error: unknown) => void,
  ): void {
    preparing.then(
      (prepared) => this.#dispatch(queue, prepared, resolve, reject),
      (error: unknown) => {
        this.#done(1);
        reject(error);
      },
    );
  }

  readonly #ended = ({ queue, prepared }: FirstSend, outcome: SendEvent["outcome"]): void => {
    this.#done(1);
    this.#publish(queue, prepared, outcome);
  };

  #publish(queue: string, { message, delayMs }: Prepared | Composed, outcome: SendEvent["outcome"]): void {
    if (!channels.send.hasSubscribers) return;
    const { driver, source } = this.#connection;
    const { id, type } = message;
    channels.send.publish({ provider: driver.provider, queue, source, type, id, outcome, message, delayMs });
  }

  /** Synchronous if neither the schema nor the traits of the queue have to be waited for. */
  #prepare(
    queue: string,
    input: NewMessage,
    options: ManagedSendOptions,
    deadlineMs: number,
  ): Prepared | Promise<Prepared> {
    const connection = this.#connection;
    const { clock } = connection;
    const now = clock.now();
    const { signal } = options;
    const transaction = transactionOf(options);
    const terms: SendTerms = { deadlineMs, since: this.#ticks.monotonic(now), signal, transaction };
    // The given payload is sent, not the schema's output: the receiver's own schema transforms it.
    const { format } = connection;
    const composed = compose(input, options, now, format, queue);
    try {
      // A payload that was encoded before is neither validated nor encoded again.
      const codec = options.encoding === undefined ? format?.codec : undefined;
      const validating =
        input.schema === undefined
          ? undefined
          : validateInTime(input.schema, input, composed.payloadJson, clock, deadlineMs);
      const known = connection.knownTraits(queue);
      return validating === undefined && known !== undefined && codec === undefined
        ? prepare(this.#sender.target, queue, known, composed, terms)
        : this.#prepareLater(queue, composed, terms, validating, codec, options.onEncoded);
    } catch (error) {
      this.#publish(queue, composed, "failed");
      throw error;
    }
  }

  async #prepareLater(
    queue: string,
    composed: Composed,
    terms: SendTerms,
    validating: Promise<unknown> | undefined,
    codec: PayloadCodec | undefined,
    onEncoded: ManagedSendOptions["onEncoded"],
  ): Promise<Prepared> {
    try {
      await validating;
      const connection = this.#connection;
      let encoded = composed;
      if (codec !== undefined) {
        const { clock, limits } = connection;
        const deadlineMs = leftMs(terms, clock);
        const codecTerms = { queue, clock, deadlineMs, maxBytes: limits.maxMessageBytes };
        encoded = await encodePayload(codec, composed, codecTerms, onEncoded);
      }
      const traits =
        connection.knownTraits(queue) ??
        (await traitsInTime(connection, queue, leftMs(terms, connection.clock), terms.signal));
      return prepare(this.#sender.target, queue, traits, encoded, terms);
    } catch (error) {
      this.#publish(queue, composed, "failed");
      throw error;
    }
  }

  #deadlineOf({ deadlineMs: given }: SendOptions): number {
    if (given === undefined) return this.#deadlineMs;
    const deadlineMs = durationMs(given);
    if (Number.isFinite(deadlineMs) && deadlineMs > 0) return deadlineMs;
    throw new QueueError(
      "invalid_options",
      `deadlineMs must be a finite duration, more than 0 milliseconds; got ${show(given)}.`,
    );
  }
}

/** The options of a send. A payload that an interceptor has replaced is not the one that was encoded before. */
function afterInterceptors(
  options: ManagedSendOptions,
  before: NewMessage,
  after: NewMessage,
): ManagedSendOptions {
  const isReplaced = options.encoding !== undefined && after?.payload !== before.payload;
  return isReplaced ? { ...options, encoding: undefined } : options;
}

/** The options of a batch with the facts of one of its messages. */
function withFacts(options: SendOptions, facts: ManagedSend | undefined): ManagedSendOptions {
  if (facts === undefined) return options;
  const { createdAt, scheduledAt, repeatId, system, delay = options.delay } = facts;
  return { ...options, createdAt, scheduledAt, repeatId, system, delay };
}

/** The id of a value that may be no message at all. */
function idOf(message: NewMessage | undefined): string | undefined {
  try {
    return message?.id;
  } catch {
    return undefined;
  }
}

function refusal(queue: string, message: NewMessage | undefined, error: unknown): SendOutcome {
  return { ok: false, id: idOf(message), error: sendError(queue, error) };
}

function sendError(queue: string, error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const sentence = `The message was not sent to queue "${queue}": ${describeError(error)}.`;
  return new QueueError("send_failed", sentence, { queue, cause: error });
}

/** A first send on its way: reports its outcome, then settles its promise. */
class FirstSend implements SendListener {
  readonly queue: string;
  readonly prepared: Prepared;
  readonly #ended: (send: FirstSend, outcome: SendEvent["outcome"]) => void;
  readonly #resolve: (receipt: SendReceipt) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    queue: string,
    prepared: Prepared,
    ended: (send: FirstSend, outcome: SendEvent["outcome"]) => void,
    resolve: (receipt: SendReceipt) => void,
    reject: (error: unknown) => void,
  ) {
    this.queue = queue;
    this.prepared = prepared;
    this.#ended = ended;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  accepted({ handle }: Accepted): void {
    const { id } = this.prepared.message;
    this.#ended(this, "sent");
    this.#resolve(handle === undefined ? { id } : { id, handle });
  }

  refused(error: unknown): void {
    this.#ended(this, isQueueError(error, "send_unknown") ? "unknown" : "failed");
    this.#reject(error);
  }
}
