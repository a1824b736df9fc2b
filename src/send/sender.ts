import type { Connection } from "../connection.ts";
import { Deadlines } from "../deadlines.ts";
import { planDelay } from "../delay/plan.ts";
import type { Outgoing } from "../driver/contract.ts";
import { QueueError } from "../errors.ts";
import { foldAttributes } from "../fold.ts";
import { NOT_BEFORE, withMeta } from "../meta.ts";
import { checkFits, outgoingBytes } from "./fit.ts";
import { Lane, notSent, unknownOutcome } from "./lane.ts";
import { type Accepted, Pending } from "./pending.ts";

/** How one message is to be sent. */
export interface Dispatch {
  /** Deliver no earlier than this long from now; any length. */
  readonly delayMs: number;
  readonly deadlineMs: number;
  /** Whether it has a place among others that it must keep; it then cannot be delayed. @default false */
  readonly keepsOrder?: boolean;
  /** Whether it is the user's own send: where there is a delay store, it waits there, to be listed and cancelled. @default false */
  readonly isFirst?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Of the message as it is, where they have been counted. */
  readonly bytes?: number | undefined;
}

/** Keys are spread over this many ordered lanes a queue: one key's messages share a lane, and keep their order. */
const ORDERED_LANES = 8;

/** Sends messages that are encoded: first sends, clones and copies alike. */
export class Sender {
  readonly #connection: Connection;
  readonly #deadlines: Deadlines;
  readonly #lanes = new Map<string, Lane>();
  #outstanding = 0;
  #idle: (() => void)[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#deadlines = new Deadlines(connection.clock);
  }

  /**
   * Sends to a queue by the plan that its delay asks for. `outgoing.delayMs` is ignored.
   * @throws QueueError `too_large`, `not_supported` before anything is sent; else as {@link send}.
   */
  dispatch(queue: string, outgoing: Outgoing, dispatch: Dispatch): Promise<Accepted> {
    const { delayMs, deadlineMs, signal, bytes } = dispatch;
    if (delayMs <= 0) return this.send(queue, this.#cancellable(outgoing), deadlineMs, signal, bytes);
    return this.#dispatchLater(queue, outgoing, dispatch);
  }

  async #dispatchLater(
    queue: string,
    outgoing: Outgoing,
    { delayMs: asked, deadlineMs, keepsOrder = false, isFirst = false, signal }: Dispatch,
  ): Promise<Accepted> {
    // The moment at which a parked message is due is noted in whole milliseconds.
    const delayMs = Math.ceil(asked);
    const traits = await this.#connection.traits(queue);
    const { delays, limits, clock } = this.#connection;
    const store = delays === undefined ? "none" : isFirst ? "all" : "beyond";
    const plan = planDelay(delayMs, queue, keepsOrder, traits, limits, store);
    if (plan.via === "store" && delays !== undefined) {
      const fitting = this.#fitting(queue, outgoing);
      const handle = await delays.put(queue, fitting.outgoing, clock.now() + delayMs, deadlineMs);
      return outgoing.cancellable === true ? { handle } : {};
    }
    if (plan.via === "native")
      return this.send(queue, { ...outgoing, delayMs: plan.delayMs }, deadlineMs, signal);
    if (outgoing.cancellable === true) {
      throw new QueueError(
        "not_supported",
        `A delay of ${delayMs} ms on queue "${queue}" is carried by its parking queue, where it cannot be cancelled.`,
        { queue },
      );
    }
    const attributes = withMeta(outgoing.attributes, {
      [NOT_BEFORE]: this.#connection.clock.now() + delayMs,
    });
    return this.send(
      traits.parkingQueue,
      { ...outgoing, attributes, delayMs: plan.delayMs },
      deadlineMs,
      signal,
    );
  }

  /**
   * Sends as it is, with tries again until the deadline; `delayMs` is the provider's own.
   * @throws QueueError `send_timeout`, `send_failed`, `send_unknown`: what is known when the deadline passes;
   * `too_large`, `queue_full`, `not_found`, `auth`, `provider` at once.
   */
  send(
    queue: string,
    given: Outgoing,
    deadlineMs: number,
    signal?: AbortSignal,
    counted?: number,
  ): Promise<Accepted> {
    const { clock } = this.#connection;
    const { outgoing, bytes } = this.#fitting(queue, given, counted);
    return new Promise<Accepted>((resolve, reject) => {
      const item = new Pending(outgoing, bytes, clock.now() + deadlineMs, this.#done, resolve, reject);
      this.#outstanding += 1;
      item.deadline = this.#deadlines.set(item.deadlineAt, () =>
        item.refuse(this.#expired(queue, item, deadlineMs)),
      );
      if (signal !== undefined) this.#abortWith(signal, queue, item);
      if (!item.settled) this.#lane(queue, outgoing).add(item);
    });
  }

  /** Resolves when every send has been answered. */
  flush(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Flushes, and leaves no timer behind. */
  async close(): Promise<void> {
    await this.flush();
    this.#deadlines.clear();
  }

  /** @throws QueueError `too_large` */
  #fitting(
    queue: string,
    given: Outgoing,
    counted?: number,
  ): { readonly outgoing: Outgoing; readonly bytes: number } {
    const { limits } = this.#connection;
    const attributes = foldAttributes(given.attributes, limits);
    const outgoing = attributes === given.attributes ? given : { ...given, attributes };
    const bytes = counted !== undefined && outgoing === given ? counted : outgoingBytes(outgoing, limits);
    checkFits(queue, outgoing, bytes, limits);
    return { outgoing, bytes };
  }

  /** A store cancels what waits in it; what does not wait is the provider's, which may not know of cancelling. */
  #cancellable(outgoing: Outgoing): Outgoing {
    if (outgoing.cancellable !== true || this.#connection.limits.cancel) return outgoing;
    return { ...outgoing, cancellable: false };
  }

  readonly #done = (item: Pending): void => {
    if (item.deadline !== undefined) this.#deadlines.cancel(item.deadline);
    this.#outstanding -= 1;
    if (this.#outstanding > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  };

  #lane(queue: string, { orderingKey }: Outgoing): Lane {
    const name = orderingKey === undefined ? queue : `${queue}\n${shard(orderingKey)}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane(this.#connection, queue, orderingKey !== undefined);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #abortWith(signal: AbortSignal, queue: string, item: Pending): void {
    const abort = (): void =>
      item.refuse(item.outcome === "unknown" ? unknownOutcome(queue, signal.reason) : signal.reason);
    if (signal.aborted) abort();
    else {
      signal.addEventListener("abort", abort, { once: true });
      item.onEnd = () => signal.removeEventListener("abort", abort);
    }
  }

  #expired(queue: string, item: Pending, deadlineMs: number): QueueError {
    const { outcome, lastError } = item;
    if (outcome === "unknown")
      return unknownOutcome(queue, lastError ?? new Error(`no answer within ${deadlineMs} ms`));
    if (lastError !== undefined) return notSent(queue, deadlineMs, lastError);
    return new QueueError(
      "send_timeout",
      `The message did not leave for queue "${queue}" within ${deadlineMs} ms, and was not sent. Send fewer at once, or give a longer deadline.`,
      { queue, retryable: true },
    );
  }
}

/** FNV-1a. */
function shard(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1)
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % ORDERED_LANES;
}
