import { requeueCopy } from "../message/requeue.ts";
import { sleep } from "../lib/clock.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { Delivery } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";
import {
  Malformed,
  NOT_BEFORE,
  readSystemAttributes,
  withSystemAttributes,
} from "../message/system-attributes.ts";
import { Poller } from "../transport/poller.ts";
import { type Leased, plainLease } from "../transport/leased.ts";
import { Settler } from "../transport/settler.ts";
import { defaults } from "../defaults.ts";
import type { Sender } from "../send/sender.ts";
import { hopMs } from "../send/delay-plan.ts";

export interface PumpOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  /** The queue to which messages move when they are due. */
  readonly queue: string;
  /** The delay queue, in which they wait. */
  readonly delayQueue: string;
  readonly report: (event: ReceiveEvent) => void;
}

const LEASE_MS = 30_000;
/** Messages of the delay queue that are leased at once. */
const MAX_LEASED = 200;
/** Time until a missing delay queue is looked for again. */
const MISSING_MS = 60_000;
/** Time for which a message without a due time is left alone, and between two warnings about such messages. */
const FOREIGN_MS = 60_000;
/** Time between two checks of how crowded the delay queue is. */
const CROWDED_LOOK_MS = 60_000;
/** Share of its retention after which a copy is replaced by a fresh one. */
const AGED = 0.9;
/**
 * If the delay queue has more than this share of the provider's limit of messages in flight, messages are sent again with a
 * native delay, since a released message counts as in flight.
 */
const CROWDED = 2 / 3;

/**
 * Moves delayed messages through a delay queue: each is released in place, hop by hop, until it is due, and is then moved to
 * its queue once. Hops cost no attempts. Every receiver of a queue pumps its delay queue, so that delays move on while any
 * worker works.
 */
export class DelayPump {
  readonly #options: PumpOptions;
  readonly #leaseMs: number;
  #crowded = false;
  /** In milliseconds of the monotonic clock. */
  #nextLookAt = 0;
  #nextWarningAt = 0;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#leaseMs = Math.min(LEASE_MS, options.connection.limits.maxLeaseMs);
  }

  /** Pumps until `stop` aborts. Never rejects: failures are reported, and tried again. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const failure = await this.#session(stop).catch((error: unknown) => error);
      if (failure === undefined) return;
      const { connection, queue, delayQueue, report } = this.#options;
      const error = queueError(failure, delayQueue, "receive", connection.driver.provider);
      report({
        event: "warning",
        queue,
        code: "delay_queue_unavailable",
        message: `Messages in the delay queue of "${queue}" are not moved: ${error.message}`,
      });
      await sleep(connection.clock, MISSING_MS, stop);
    }
  }

  /** The life of one source. Resolves with the error that ended it, or undefined if `stop` did. */
  async #session(stop: AbortSignal): Promise<DriverError | undefined> {
    const { connection, delayQueue, report } = this.#options;
    const source = connection.open(delayQueue, {
      prefetch: MAX_LEASED,
      leaseMs: this.#leaseMs,
    });
    const settler = new Settler(connection, source, delayQueue, report);
    const moving = new Set<Promise<void>>();
    let isFailing = false;
    let end: (failure: DriverError | undefined) => void = () => {};
    const ended = new Promise<DriverError | undefined>((resolve) => {
      end = resolve;
    });
    const take = (delivery: Delivery): void => {
      const move = this.#moveOn(delivery, settler).finally(() => {
        moving.delete(move);
        poller.wake();
      });
      moving.add(move);
    };
    const poller = new Poller(connection, source, {
      queue: delayQueue,
      capacity: {
        get free() {
          return MAX_LEASED - moving.size;
        },
      },
      deliver: (deliveries) => deliveries.forEach(take),
      report: (event) => {
        // Only the end of an outage is reported, since health asks when the main queue was polled.
        if (event.event === "polled" && !isFailing) return;
        if (event.event === "polled" || event.event === "poll_failed")
          isFailing = event.event === "poll_failed";
        report(event);
      },
      failed: end,
    });
    const onStop = (): void => end(undefined);
    stop.addEventListener("abort", onStop, { once: true });
    poller.wake();
    const failure = await ended;
    stop.removeEventListener("abort", onStop);
    (await poller.stop()).forEach(take);
    // Moved messages have to be acknowledged while the source is open, or they would be moved again.
    while (moving.size > 0) await Promise.all(moving);
    await settler.flush();
    await source.close();
    return failure;
  }

  async #moveOn(delivery: Delivery, settler: Settler): Promise<void> {
    const { connection, sender, queue, delayQueue } = this.#options;
    const { clock, limits, random } = connection;
    const now = clock.now();
    const leased = plainLease(delivery, clock, this.#leaseMs);
    if (delivery.attributes[NOT_BEFORE] === undefined) return this.#leave(delivery, leased, settler);
    const remainingMs = dueAt(delivery) - now;
    // The provider rounds a release up, so it is requested in whole steps. The rest of the last step is waited for here.
    const stepMs = limits.delayGranularityMs ?? 1;
    const hop = Math.max(
      stepMs,
      Math.floor(hopMs(Math.max(0, remainingMs), limits.maxHopMs, random()) / stepMs) * stepMs,
    );
    try {
      if (remainingMs < stepMs) {
        if (remainingMs > 0) await sleep(clock, remainingMs);
        const attributes = withSystemAttributes(delivery.attributes, { [NOT_BEFORE]: undefined });
        await sender.send(
          queue,
          requeueCopy(delivery, leased.id, "due", attributes),
          defaults.sendDeadlineMs,
        );
      } else if (this.#aged(delivery, now + hop) || (await this.#isCrowded())) {
        const { nativeDelayMs } = await connection.traits(queue);
        const delayMs = Math.min(remainingMs, nativeDelayMs);
        const clone = { ...requeueCopy(delivery, leased.id, "park", delivery.attributes), delayMs };
        await sender.send(delayQueue, clone, defaults.sendDeadlineMs);
      } else {
        await settler.settle({ kind: "release", delivery, delayMs: hop }, leased);
        return;
      }
      await settler.settle({ kind: "ack", delivery }, leased);
    } catch (error) {
      const kind = "permanent";
      this.#options.report({
        event: "settle_failed",
        queue: delayQueue,
        id: leased.id,
        operation: "move",
        error,
        kind,
      });
      await settler.settle({ kind: "release", delivery, delayMs: Math.min(limits.maxHopMs, 30_000) }, leased);
    }
  }

  /**
   * Releases a message that queueport did not put into the delay queue: it may be a job of another queue of that name,
   * used by another process. Moving it would run it here.
   */
  async #leave(delivery: Delivery, leased: Leased, settler: Settler): Promise<void> {
    const { connection, queue, delayQueue, report } = this.#options;
    const { clock, limits } = connection;
    const now = clock.monotonic();
    if (now >= this.#nextWarningAt) {
      this.#nextWarningAt = now + FOREIGN_MS;
      report({
        event: "warning",
        queue,
        code: "delay_queue_foreign",
        message: `The delay queue "${delayQueue}" of queue "${queue}" has messages without a due time, which are not moved: the first is ${leased.id}. If "${delayQueue}" is used as a queue of its own, give one of both another name; else remove these messages.`,
      });
    }
    const delayMs = Math.min(limits.maxHopMs, FOREIGN_MS);
    await settler.settle({ kind: "release", delivery, delayMs }, leased);
  }

  #aged({ enqueuedAt }: Delivery, at: number): boolean {
    return enqueuedAt !== undefined && at > enqueuedAt + this.#options.connection.limits.retentionMs * AGED;
  }

  async #isCrowded(): Promise<boolean> {
    const now = this.#options.connection.clock.monotonic();
    const { connection, queue, delayQueue } = this.#options;
    const { maxInFlight } = connection.limits;
    const { nativeDelayMs } = await connection.traits(queue);
    if (maxInFlight === Number.POSITIVE_INFINITY || nativeDelayMs === 0) return false;
    if (now >= this.#nextLookAt) {
      this.#nextLookAt = now + CROWDED_LOOK_MS;
      const inFlight = await connection.stats(delayQueue).then(
        (stats) => stats.inFlight,
        () => undefined,
      );
      if (inFlight !== undefined) this.#crowded = inFlight > maxInFlight * CROWDED;
    }
    return this.#crowded;
  }
}

/** When a message is due, in epoch milliseconds. An unreadable due time is now: the receiver of the queue handles the message. */
function dueAt(delivery: Delivery): number {
  try {
    return readSystemAttributes(delivery.attributes).notBefore ?? 0;
  } catch (error) {
    if (error instanceof Malformed) return 0;
    throw error;
  }
}
