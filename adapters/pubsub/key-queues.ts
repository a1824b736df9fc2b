import type { Delivery } from "../../src/driver/index.ts";
import { type Receipt, receiptOf } from "./delivery.ts";

/** The leased messages of one ordering key. */
interface KeyQueue {
  /** The message that is handed out, or that may be. */
  head: Delivery;
  /** Leased messages that are handed out only after the head is acknowledged. */
  readonly followers: Delivery[];
}

/** The number of messages whose returns are remembered. The attempts of a forgotten message are counted too high. */
const MAX_REMEMBERED = 10_000;

/**
 * The key queues of one source, which hands out one message of a key at a time. One pull of an ordered subscription
 * brings several messages of a key, in their order. A message is handed out when the one before it is acknowledged. If
 * a message is released, so are those behind it: Pub/Sub delivers all of them again, in order.
 */
export class KeyQueues {
  readonly #queues = new Map<string, KeyQueue>();
  /** By broker id: the deliveries that were returned without a run. The broker counts them; attempts must not. */
  readonly #unstarted = new Map<string, number>();

  /** The number of messages that wait behind another message. */
  get holding(): number {
    let count = 0;
    for (const { followers } of this.#queues.values()) count += followers.length;
    return count;
  }

  /** Adds deliveries. Returns those that may be handed out now, in their order. */
  admit(deliveries: readonly Delivery[], now: number): Delivery[] {
    // A head whose lease has ended belongs to another receiver by now, and must not block its key here.
    this.scatterLapsed(now);
    return deliveries
      .map((delivery) => this.#recounted(delivery))
      .filter((delivery) => this.#isHead(delivery));
  }

  /** Removes an acknowledged head. Returns the next message of its key, if there is one. */
  advance(delivery: Delivery): Delivery | undefined {
    const queue = this.#ledBy(delivery);
    if (queue === undefined) return undefined;
    this.#unstarted.delete(delivery.brokerId);
    const next = queue.followers.shift();
    if (next === undefined) this.#queues.delete(delivery.orderingKey as string);
    else queue.head = next;
    return next;
  }

  /** Removes a head that was released or whose lease is lost. Returns the messages behind it, which must be released. */
  scatter(delivery: Delivery): Delivery[] {
    const queue = this.#ledBy(delivery);
    if (queue === undefined) return [];
    this.#queues.delete(delivery.orderingKey as string);
    for (const follower of queue.followers) this.#returned(follower);
    return queue.followers;
  }

  /** As {@link scatter}, for a head that was never handed out. */
  lapsed(delivery: Delivery): Delivery[] {
    this.#returned(delivery);
    return this.scatter(delivery);
  }

  /** As {@link scatter}, for every head whose lease has ended. */
  scatterLapsed(now: number): Delivery[] {
    const heads = Array.from(this.#queues.values(), ({ head }) => head);
    return heads.flatMap((head) => (receiptOf(head).leaseUntil <= now ? this.scatter(head) : []));
  }

  /** The receipts of waiting messages whose lease ends by `until`. */
  dueBy(until: number): Receipt[] {
    const due: Receipt[] = [];
    for (const { followers } of this.#queues.values()) {
      for (const follower of followers) {
        const receipt = receiptOf(follower);
        if (receipt.leaseUntil <= until) due.push(receipt);
      }
    }
    return due;
  }

  #isHead(delivery: Delivery): boolean {
    const { orderingKey: key, brokerId } = delivery;
    if (key === undefined) return true;
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, { head: delivery, followers: [] });
      return true;
    }
    // Another delivery of the same message: the earlier lease is void.
    if (queue.head.brokerId === brokerId) {
      queue.head = delivery;
      return true;
    }
    const at = queue.followers.findIndex((follower) => follower.brokerId === brokerId);
    if (at === -1) {
      queue.followers.push(delivery);
    } else {
      this.#returned(delivery);
      queue.followers[at] = { ...delivery, deliveryCount: Math.max(1, delivery.deliveryCount - 1) };
    }
    return false;
  }

  #returned({ brokerId }: Delivery): void {
    const times = (this.#unstarted.get(brokerId) ?? 0) + 1;
    this.#unstarted.delete(brokerId);
    this.#unstarted.set(brokerId, times);
    if (this.#unstarted.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#unstarted.keys();
    this.#unstarted.delete(oldest as string);
  }

  #recounted(delivery: Delivery): Delivery {
    const unstarted = this.#unstarted.get(delivery.brokerId);
    if (unstarted === undefined) return delivery;
    return { ...delivery, deliveryCount: Math.max(1, delivery.deliveryCount - unstarted) };
  }

  /** The queue of which this delivery is the head. Compares receipts, since a delivery is copied when its lease is renewed. */
  #ledBy(delivery: Delivery): KeyQueue | undefined {
    const queue = delivery.orderingKey === undefined ? undefined : this.#queues.get(delivery.orderingKey);
    return queue?.head.receipt === delivery.receipt ? queue : undefined;
  }
}
