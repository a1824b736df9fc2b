import type { protos } from "@google-cloud/pubsub";
import { DriverError, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { driverError } from "./errors.ts";
import type { Names } from "./names.ts";

export type Subscription = protos.google.pubsub.v1.ISubscription;

/** What is known of the subscription of each queue: asked for once, and again after it was created or removed. */
export class Subscriptions {
  readonly #connections: Connections;
  readonly #names: Names;
  readonly #known = new Map<string, Promise<Subscription>>();

  constructor(connections: Connections, names: Names) {
    this.#connections = connections;
    this.#names = names;
  }

  /** @throws DriverError `not_found`, `auth` … */
  get(queue: string): Promise<Subscription> {
    return this.#known.get(queue) ?? this.refresh(queue);
  }

  /** @throws DriverError `not_found`, `auth` … */
  refresh(queue: string): Promise<Subscription> {
    const reading = this.#read(queue);
    this.#known.set(queue, reading);
    reading.catch(() => {
      if (this.#known.get(queue) === reading) this.#known.delete(queue);
    });
    return reading;
  }

  forget(queue: string): void {
    this.#known.delete(queue);
  }

  async #read(queue: string): Promise<Subscription> {
    try {
      const clients = await this.#connections.clients();
      const name = this.#names.subscription(clients.project, queue);
      const [subscription] = await clients.answer(
        clients.subscriber.getSubscription({ subscription: name }, once()),
      );
      if (subscription.topic === "_deleted-topic_")
        throw new DriverError(
          "not_found",
          `The topic of ${name} was deleted; drop the queue and create it anew`,
        );
      return { ...subscription, name };
    } catch (error) {
      throw driverError(error, "pubsub.subscriptions.get");
    }
  }
}

/** What a subscription says of its queue. */
export function traitsOf(queue: string, subscription: Subscription, shared: boolean = false): QueueTraits {
  const { enableMessageOrdering, deadLetterPolicy } = subscription;
  // Deliveries are counted for the sake of a dead-letter policy, and only where there is one.
  const maxDeliveries =
    typeof deadLetterPolicy?.deadLetterTopic === "string" && deadLetterPolicy.deadLetterTopic !== ""
      ? deadLetterPolicy.maxDeliveryAttempts || 5
      : undefined;
  return {
    ordering: enableMessageOrdering === true ? "by_key" : "none",
    orderingKeyRequired: false,
    dedupWindowMs: 0,
    deadLetter: "copy",
    deadLetterQueue: siblingQueue(queue, "-dlq"),
    parkingQueue: siblingQueue(queue, "-delay"),
    nativeDelayMs: 0,
    target: shared ? (subscription.name ?? undefined) : undefined,
    brokerMaxDeliveries: maxDeliveries,
    countsDeliveries: maxDeliveries !== undefined,
  };
}
