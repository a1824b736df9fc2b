import type { Delivery } from "../../src/driver/index.ts";
import { type Receipt, receiptOf } from "./delivery.ts";

interface Lane {
  head: Delivery;
  /** Leased, and not to be seen before the head has its verdict. */
  readonly followers: Delivery[];
}

/** Of messages that went back unstarted; of those that are forgotten, the attempts are counted too high. */
const MAX_REMEMBERED = 10_000;

/**
 * Lets one message of a key out at a time. One pull of an ordered subscription brings several of the same key, in
 * their order; the next of them may run when the one before it is acknowledged. Where it is given back instead, so
 * are those behind it: Pub/Sub delivers them all again, in order.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  /** By broker id: deliveries that went back from here without having run. The broker counts them; attempts do not. */
  readonly #unstarted = new Map<string, number>();

  /** How many messages wait for their turn. */
  get holding(): number {
    let count = 0;
    for (const { followers } of this.#lanes.values()) count += followers.length;
    return count;
  }

  /** Those that may run now, in their order. The others are kept. */
  admit(deliveries: readonly Delivery[], now: number): Delivery[] {
    // A key whose head is somebody else's by now must not hold up what comes here.
    this.scatterLapsed(now);
    return deliveries
      .map((delivery) => this.#recounted(delivery))
      .filter((delivery) => this.#isHead(delivery));
  }

  /** The head was acknowledged: the next of its key, if there is one. */
  advance(delivery: Delivery): Delivery | undefined {
    const lane = this.#ledBy(delivery);
    if (lane === undefined) return undefined;
    this.#unstarted.delete(delivery.brokerId);
    const next = lane.followers.shift();
    if (next === undefined) this.#lanes.delete(delivery.orderingKey as string);
    else lane.head = next;
    return next;
  }

  /** The head was given back, or its lease is lost: those behind it, which have to follow it. */
  scatter(delivery: Delivery): Delivery[] {
    const lane = this.#ledBy(delivery);
    if (lane === undefined) return [];
    this.#lanes.delete(delivery.orderingKey as string);
    for (const follower of lane.followers) this.#wentBack(follower);
    return lane.followers;
  }

  /** It comes again, and was never begun; so do those behind it, which are returned. */
  lapsed(delivery: Delivery): Delivery[] {
    this.#wentBack(delivery);
    return this.scatter(delivery);
  }

  /** As {@link scatter}, of every head whose lease ended unsettled. */
  scatterLapsed(now: number): Delivery[] {
    const heads = Array.from(this.#lanes.values(), ({ head }) => head);
    return heads.flatMap((head) => (receiptOf(head).leaseUntil <= now ? this.scatter(head) : []));
  }

  /** Those that wait and whose lease ends by `until`. */
  dueBy(until: number): Receipt[] {
    const due: Receipt[] = [];
    for (const { followers } of this.#lanes.values()) {
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
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#lanes.set(key, { head: delivery, followers: [] });
      return true;
    }
    // Delivered once more: the earlier lease on it is void.
    if (lane.head.brokerId === brokerId) {
      lane.head = delivery;
      return true;
    }
    const at = lane.followers.findIndex((follower) => follower.brokerId === brokerId);
    if (at === -1) {
      lane.followers.push(delivery);
    } else {
      this.#wentBack(delivery);
      lane.followers[at] = { ...delivery, deliveryCount: Math.max(1, delivery.deliveryCount - 1) };
    }
    return false;
  }

  #wentBack({ brokerId }: Delivery): void {
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

  /** Told by its receipt: deliveries are copied where their lease is renewed. */
  #ledBy(delivery: Delivery): Lane | undefined {
    const lane = delivery.orderingKey === undefined ? undefined : this.#lanes.get(delivery.orderingKey);
    return lane?.head.receipt === delivery.receipt ? lane : undefined;
  }
}
