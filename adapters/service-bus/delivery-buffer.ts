import type { Clock, Delivery } from "../../src/driver/index.ts";
import type { ServiceBusReceipt } from "./delivery.ts";

/** A call of {@link DeliveryBuffer.take} that waits for messages. */
interface PendingTake {
  readonly max: number;
  readonly resolve: (deliveries: Delivery[]) => void;
  readonly reject: (error: Error) => void;
}

type Writable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/** Received messages between the links, which push them at any time, and `Source.next`, which takes them. */
export class DeliveryBuffer {
  readonly #clock: Clock;
  /** The leases end at a time of the monotonic clock, since the time of day may be set while a message waits here. */
  #arrived: Writable<Delivery>[] = [];
  #pendingTake: PendingTake | undefined;
  #isGathering = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of messages that were not taken yet. */
  get size(): number {
    return this.#arrived.length;
  }

  put(delivery: Writable<Delivery>): void {
    delivery.leaseUntil += this.#clock.monotonic() - this.#clock.now();
    this.#arrived.push(delivery);
    if (this.#pendingTake === undefined || this.#isGathering) return;
    this.#isGathering = true;
    // At the end of the tick, so that messages from one network read are taken together.
    process.nextTick(() => {
      this.#isGathering = false;
      if (this.#arrived.length > 0) this.#pendingTake?.resolve(this.drain(this.#pendingTake.max));
    });
  }

  /** Ends the pending {@link take} without a message, if there is one. Messages that arrive later stay in the buffer. */
  end(): void {
    this.#pendingTake?.resolve([]);
  }

  /** Makes the pending {@link take} fail, if there is one. */
  fail(error: Error): void {
    this.#pendingTake?.reject(error);
  }

  /**
   * Takes up to `max` messages. If there are none, waits for them, until `waitMs` have passed or the signal aborts.
   * Messages that arrive later stay in the buffer.
   */
  take(max: number, waitMs: number, signal: AbortSignal): Promise<Delivery[]> {
    const present = this.drain(max);
    if (present.length > 0 || signal.aborted) return Promise.resolve(present);
    this.#pendingTake?.resolve([]);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", giveUp);
        if (this.#pendingTake === pendingTake) this.#pendingTake = undefined;
      };
      const pendingTake: PendingTake = {
        max,
        resolve: (deliveries) => {
          end();
          resolve(deliveries);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const giveUp = (): void => pendingTake.resolve([]);
      const timer = this.#clock.timer(waitMs, giveUp);
      signal.addEventListener("abort", giveUp, { once: true });
      this.#pendingTake = pendingTake;
    });
  }

  /** Takes up to `max` messages at once. A message whose lease has ended is dropped. */
  drain(max: number = this.#arrived.length): Delivery[] {
    const now = this.#clock.monotonic();
    const epochMs = this.#clock.now() - now;
    const taken: Delivery[] = [];
    while (taken.length < max) {
      const delivery = this.#arrived.shift();
      if (delivery === undefined) break;
      if (delivery.leaseUntil > now) {
        delivery.leaseUntil += epochMs;
        taken.push(delivery);
      } else (delivery.receipt as ServiceBusReceipt).done(false);
    }
    return taken;
  }
}
