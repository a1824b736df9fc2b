import type { Clock } from "../lib/clock.ts";
import type { Connection } from "../transport/connection.ts";
import { Deadlines } from "../lib/deadlines.ts";
import { planDelay } from "./delay-plan.ts";
import type { Driver, Outgoing } from "../driver/contract.ts";
import type { Limits } from "../driver/limits.ts";
import { QueueError } from "../errors.ts";
import { packAttributes } from "../message/pack-attributes.ts";
import { NOT_BEFORE, withSystemAttributes } from "../message/system-attributes.ts";
import { checkFits, outgoingBytes } from "./fit.ts";
import { QueueSender } from "./queue-sender.ts";
import { type Accepted, type SendListener, SendRequest } from "./request.ts";
import { TransactionSenders } from "./transaction.ts";

/** A place outside of the provider where delayed messages wait: a delay store. */
export interface DelayedSends {
  /**
   * Resolves with the handle by which the message can be cancelled, once it is stored. `dueAt` in epoch milliseconds.
   * @throws QueueError `send_failed`, `send_unknown`
   */
  put(queue: string, outgoing: Outgoing, dueAt: number, deadlineMs: number): Promise<string>;
}

/** The parts of a connection that decide whether it can carry a message. */
export interface SendTarget {
  readonly limits: Limits;
  readonly driver: Pick<Driver, "provider">;
  /** Undefined if delays are left to the provider and the delay queue. */
  readonly delays: DelayedSends | undefined;
}

/** Terms on which one message is sent. */
export interface SendTerms {
  readonly deadlineMs: number;
  /** Start of the deadline, in milliseconds of the monotonic clock. @default now */
  readonly since?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the message, if they have been counted. */
  readonly bytes?: number | undefined;
  /** Whether the provider alone decides if the message fits. @default false */
  readonly unchecked?: boolean;
  /** The user's transaction in which the message is written. @default none */
  readonly transaction?: object | undefined;
}

/** The terms of one message, and its delay. */
export interface SendPlan extends SendTerms {
  /** Milliseconds until delivery, at least; of any length. */
  readonly delayMs: number;
  /** Whether the message must keep its place among others, and so cannot be delayed. @default false */
  readonly keepsOrder?: boolean;
  /** Whether the user sent it. If there is a delay store, the message then waits there, to be listed and cancelled. @default false */
  readonly isFirst?: boolean;
}

/** Milliseconds left of the deadline, 1 or more. */
export function leftMs({ deadlineMs, since }: SendTerms, clock: Clock): number {
  return since === undefined ? deadlineMs : Math.max(1, since + deadlineMs - clock.monotonic());
}

/** Ordered senders of one queue. The keys are spread over them; messages of one key share a sender, and keep their order. */
const ORDERED_SENDERS = 8;

const MOST_SENDERS = 1_000;

/** Sends encoded messages: first sends, requeued copies and dead letters alike. */
export class Sender {
  readonly target: SendTarget;
  readonly #connection: Connection;
  readonly #deadlines: Deadlines;
  readonly #senders = new Map<string, QueueSender>();
  readonly #transactions: TransactionSenders;
  /** Number of senders at which those that are idle are removed. */
  #sweepAt = MOST_SENDERS;
  #outstanding = 0;
  #idle: (() => void)[] = [];

  constructor(connection: Connection, delays?: DelayedSends) {
    this.#connection = connection;
    const { limits, driver } = connection;
    this.target = { limits, driver, delays };
    this.#deadlines = new Deadlines(connection.clock);
    this.#transactions = new TransactionSenders(connection);
  }

  /**
   * Sends to a queue, through the delay queue or the delay store if its delay needs that. `outgoing.delayMs` is ignored.
   * @throws QueueError `too_large`, `not_supported` before anything is sent; otherwise as {@link send}
   */
  dispatch(queue: string, outgoing: Outgoing, dispatch: SendPlan): Promise<Accepted> {
    return promised((caller) => this.dispatchFor(caller, queue, outgoing, dispatch));
  }

  /** Dispatches without a promise, since a first send has one already. */
  dispatchFor(caller: SendListener, queue: string, outgoing: Outgoing, dispatch: SendPlan): void {
    if (dispatch.delayMs <= 0) {
      this.#send(caller, queue, this.#cancellable(outgoing), dispatch);
    } else {
      this.#dispatchLater(queue, outgoing, dispatch).then(
        (accepted) => caller.accepted(accepted),
        (error: unknown) => caller.refused(error),
      );
    }
  }

  async #dispatchLater(queue: string, outgoing: Outgoing, dispatch: SendPlan): Promise<Accepted> {
    const { delayMs: asked, keepsOrder = false, isFirst = false } = dispatch;
    // Rounded up, since the due time is recorded in whole milliseconds.
    const delayMs = Math.ceil(asked);
    const traits = await this.#connection.traits(queue);
    const { delays } = this.target;
    const { limits, clock } = this.#connection;
    const store = delays === undefined ? "none" : isFirst ? "all" : "beyond";
    const plan = planDelay(delayMs, queue, keepsOrder, traits, limits, store);
    if (plan.via === "store" && delays !== undefined) {
      const fits = fitting(outgoing, limits);
      checkFits(queue, fits, outgoingBytes(fits, limits), limits);
      const handle = await delays.put(queue, fits, clock.now() + delayMs, leftMs(dispatch, clock));
      return outgoing.cancellable === true ? { handle } : {};
    }
    // The attributes change below, so the counted bytes do not apply.
    const terms: SendTerms = { ...dispatch, bytes: undefined };
    const sendTo = (to: string, changed: Outgoing): Promise<Accepted> =>
      promised((caller) => this.#send(caller, to, changed, terms));
    if (plan.via === "native") return sendTo(queue, { ...outgoing, delayMs: plan.delayMs });
    if (outgoing.cancellable === true) {
      throw new QueueError(
        "not_supported",
        `A delay of ${delayMs} ms on queue "${queue}" is carried by its delay queue, where it cannot be cancelled.`,
        { queue },
      );
    }
    const attributes = withSystemAttributes(outgoing.attributes, {
      [NOT_BEFORE]: clock.now() + delayMs,
    });
    return sendTo(traits.delayQueue, { ...outgoing, attributes, delayMs: plan.delayMs });
  }

  /**
   * Sends to exactly this queue, and tries again until the deadline. The provider carries `outgoing.delayMs`.
   * @throws QueueError `send_timeout`, `send_failed` or `send_unknown` when the deadline passes; `too_large`, `queue_full`,
   * `not_found`, `auth` or `provider` at once
   */
  send(queue: string, outgoing: Outgoing, deadlineMs: number, signal?: AbortSignal): Promise<Accepted> {
    return promised((caller) => this.#send(caller, queue, outgoing, { deadlineMs, signal }));
  }

  #send(
    caller: SendListener,
    queue: string,
    given: Outgoing,
    { deadlineMs, since, signal, bytes, unchecked = false, transaction }: SendTerms,
  ): void {
    let item: SendRequest;
    try {
      const { clock, limits } = this.#connection;
      const outgoing = fitting(given, limits);
      const counted = bytes === undefined || outgoing !== given ? outgoingBytes(outgoing, limits) : bytes;
      if (!unchecked) checkFits(queue, outgoing, counted, limits);
      const at = (since ?? clock.monotonic()) + deadlineMs;
      item = new SendRequest(queue, outgoing, counted, deadlineMs, at, caller, this.#done);
    } catch (error) {
      caller.refused(error);
      return;
    }
    this.#outstanding += 1;
    this.#deadlines.set(item);
    if (signal !== undefined) abortWith(signal, item);
    if (item.settled) return;
    if (transaction === undefined) this.#senderOf(queue, item.outgoing).add(item);
    else this.#transactions.senderOf(transaction, queue).add(item);
  }

  /** Number of senders that are kept. */
  get senders(): number {
    return this.#senders.size;
  }

  /** Resolves when every send has its outcome. */
  flush(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Flushes, and clears the timer. */
  async close(): Promise<void> {
    await this.flush();
    this.#deadlines.clear();
  }

  /** Without a delay, the message goes to the provider, which may not be able to cancel: the request for a handle is dropped. */
  #cancellable(outgoing: Outgoing): Outgoing {
    if (outgoing.cancellable !== true || this.#connection.limits.cancel) return outgoing;
    return { ...outgoing, cancellable: false };
  }

  readonly #done = (item: SendRequest): void => {
    this.#deadlines.cancel(item);
    this.#outstanding -= 1;
    if (this.#outstanding > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  };

  #senderOf(queue: string, { orderingKey }: Outgoing): QueueSender {
    const name = orderingKey === undefined ? queue : `${queue}\n${shard(orderingKey)}`;
    let sender = this.#senders.get(name);
    if (sender === undefined) {
      // In the context of the queue's creator, since the first send to a queue belongs to one of many callers.
      sender = this.#connection.context.runInAsyncScope(
        () => new QueueSender(this.#connection, queue, orderingKey !== undefined),
      );
      if (this.#senders.size >= this.#sweepAt) this.#forgetIdle();
      this.#senders.set(name, sender);
    }
    return sender;
  }

  /** Removes the senders that have nothing to send: there may be a queue for each customer. */
  #forgetIdle(): void {
    for (const [name, sender] of this.#senders) if (sender.idle) this.#senders.delete(name);
    this.#sweepAt = Math.max(MOST_SENDERS, 2 * this.#senders.size);
  }
}

function promised(send: (caller: SendListener) => void): Promise<Accepted> {
  return new Promise((accepted, refused) => {
    send({ accepted, refused });
  });
}

/** The message with its attributes packed if there are too many of them. */
function fitting(given: Outgoing, limits: Limits): Outgoing {
  const attributes = packAttributes(given.attributes, limits);
  return attributes === given.attributes ? given : { ...given, attributes };
}

function abortWith(signal: AbortSignal, item: SendRequest): void {
  const abort = (): void => item.abort(signal.reason);
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener("abort", abort, { once: true });
  item.onEnd = () => signal.removeEventListener("abort", abort);
}

/** The index of a key's sender, by FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
function shard(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1)
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % ORDERED_SENDERS;
}
