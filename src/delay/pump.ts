import { requeueCopy } from "../message/requeue.ts";
import { sleep } from "../lib/clock.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { Delivery } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";
import { Malformed } from "../message/system-attributes.ts";
import { NOT_BEFORE, readSystemAttributes, withSystemAttributes } from "../message/system-attributes.ts";
import { Poller } from "../transport/poller.ts";
import type { Leased } from "../transport/leased.ts";
import { Settler } from "../transport/settler.ts";
import { defaults } from "../defaults.ts";
import type { Sender } from "../send/sender.ts";
import { hopMs } from "../send/delay-plan.ts";

export interface PumpOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  /** Where messages go when they are due. */
  readonly queue: string;
  /** Where they wait. */
  readonly delayQueue: string;
  readonly report: (event: ReceiveEvent) => void;
}

const LEASE_MS = 30_000;
/** Parked messages in hand at once. */
const MAX_IN_HAND = 200;
/** A parking queue that is missing is looked for again after this long. */
const MISSING_MS = 60_000;
/** Between two looks at how crowded the parking queue is. */
const CROWDED_LOOK_MS = 60_000;
/** A copy is replaced by a fresh one when it has used up this share of its retention. */
const AGED = 0.9;
/** From this share of the provider's limit of messages in flight on, parked ones wait by native delay instead. */
const CROWDED = 2 / 3;

/**
 * Sees that parked messages move on: released in place, hop by hop, until they are due; then moved to their queue,
 * once. Hops cost no attempts. Every receiver of a queue pumps its parking queue, so that one is there while
 * anybody works.
 */
export class DelayPump {
  readonly #options: PumpOptions;
  #crowded = false;
  #nextLookAt = 0;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** Pumps until `stop` aborts. Never rejects: what goes wrong is reported, and tried again. */
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
        message: `Delays of queue "${queue}" that its provider cannot hold do not move on: ${error.message}`,
      });
      await sleep(connection.clock, MISSING_MS, stop);
    }
  }

  /** One source's life. Resolves with what ended it, or undefined where `stop` did. */
  async #session(stop: AbortSignal): Promise<DriverError | undefined> {
    const { connection, delayQueue, report } = this.#options;
    const source = connection.open(delayQueue, {
      prefetch: MAX_IN_HAND,
      leaseMs: Math.min(LEASE_MS, connection.limits.maxLeaseMs),
    });
    const settler = new Settler(connection, source, delayQueue, report);
    const inHand = new Set<Promise<void>>();
    let end: (failure: DriverError | undefined) => void = () => {};
    const ended = new Promise<DriverError | undefined>((resolve) => {
      end = resolve;
    });
    const take = (delivery: Delivery): void => {
      const moving = this.#moveOn(delivery, settler).finally(() => {
        inHand.delete(moving);
        intake.wake();
      });
      inHand.add(moving);
    };
    const intake = new Poller(connection, source, {
      queue: delayQueue,
      capacity: {
        get free() {
          return MAX_IN_HAND - inHand.size;
        },
      },
      deliver: (deliveries) => deliveries.forEach(take),
      report: (event) => {
        // That the main queue is polled is what health asks; this one's polls would blur it.
        if (event.event !== "polled") report(event);
      },
      failed: end,
    });
    const onStop = (): void => end(undefined);
    stop.addEventListener("abort", onStop, { once: true });
    intake.wake();
    const failure = await ended;
    stop.removeEventListener("abort", onStop);
    (await intake.stop()).forEach(take);
    // What has been moved has to be acknowledged while the source is open, or it would be moved again.
    while (inHand.size > 0) await Promise.all(inHand);
    await settler.flush();
    await source.close();
    return failure;
  }

  async #moveOn(delivery: Delivery, settler: Settler): Promise<void> {
    const { connection, sender, queue, delayQueue } = this.#options;
    const { clock, limits, random } = connection;
    const now = clock.now();
    const leased = held(delivery, now);
    const remainingMs = dueAt(delivery) - now;
    // A release is rounded up: it is asked for in whole steps, and the rest of the last one is waited for in hand.
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
      } else if (this.#aged(delivery, now + hop) || (await this.#isCrowded(now))) {
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

  #aged({ enqueuedAt }: Delivery, at: number): boolean {
    return enqueuedAt !== undefined && at > enqueuedAt + this.#options.connection.limits.retentionMs * AGED;
  }

  async #isCrowded(now: number): Promise<boolean> {
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

/** When a parked message is due. One that does not say so readably is due now: the receiver of its queue judges it. */
function dueAt(delivery: Delivery): number {
  try {
    return readSystemAttributes(delivery.attributes).notBefore ?? 0;
  } catch (error) {
    if (error instanceof Malformed) return 0;
    throw error;
  }
}

function held(delivery: Delivery, now: number): Leased {
  return {
    delivery,
    id: delivery.brokerId,
    receivedAt: now,
    leaseUntil: delivery.leaseUntil,
    extending: undefined,
    onLeaseLost() {},
  };
}
