import type { Clock, Delivery } from "../../src/driver/index.ts";
import type { Receipt } from "./delivery.ts";

interface Waiting {
  readonly max: number;
  readonly resolve: (deliveries: Delivery[]) => void;
  readonly reject: (error: Error) => void;
}

/** Between links, which bring messages when they come, and `next`, which asks for them. */
export class Mailbox {
  readonly #clock: Clock;
  #arrived: Delivery[] = [];
  #waiting: Waiting | undefined;
  #isGathering = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Messages that nobody has taken yet. */
  get size(): number {
    return this.#arrived.length;
  }

  put(delivery: Delivery): void {
    this.#arrived.push(delivery);
    if (this.#waiting === undefined || this.#isGathering) return;
    this.#isGathering = true;
    // Those that came over the wire together are handed out together, and before anything else is read.
    process.nextTick(() => {
      this.#isGathering = false;
      if (this.#arrived.length > 0) this.#waiting?.resolve(this.drain(this.#waiting.max));
    });
  }

  /** Tells whoever waits what went wrong. */
  fail(error: Error): void {
    this.#waiting?.reject(error);
  }

  /** Waits for messages, as long as `waitMs` or until the signal aborts; what comes later is kept. */
  take(max: number, waitMs: number, signal: AbortSignal): Promise<Delivery[]> {
    const there = this.drain(max);
    if (there.length > 0 || signal.aborted) return Promise.resolve(there);
    this.#waiting?.resolve([]);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", over);
        if (this.#waiting === waiting) this.#waiting = undefined;
      };
      const waiting: Waiting = {
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
      const over = (): void => waiting.resolve([]);
      const timer = this.#clock.timer(waitMs, over);
      signal.addEventListener("abort", over, { once: true });
      this.#waiting = waiting;
    });
  }

  /** What is there and still leased. */
  drain(max: number = this.#arrived.length): Delivery[] {
    const now = this.#clock.now();
    const taken: Delivery[] = [];
    while (taken.length < max) {
      const delivery = this.#arrived.shift();
      if (delivery === undefined) break;
      if (delivery.leaseUntil > now) taken.push(delivery);
      else (delivery.receipt as Receipt).done(false);
    }
    return taken;
  }
}
