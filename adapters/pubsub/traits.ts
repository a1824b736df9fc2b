import type { protos } from "@google-cloud/pubsub";
import { DriverError, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { driverError } from "./errors.ts";
import type { Names } from "./names.ts";

export type Subscription = protos.google.pubsub.v1.ISubscription;

/** What a subscription has for a topic once that was deleted. */
export const DELETED_TOPIC = "_deleted-topic_";

/** The subscription is there, and nothing comes to it any more. */
export class TopicDeleted extends DriverError {
  constructor(subscription: string) {
    super("not_found", `The topic of ${subscription} was deleted; drop the queue and create it anew`);
  }
}

/** What is known of the subscription of each queue: asked for once, and again after it was created or removed. */
export class Subscriptions {
  readonly #connections: Connections;
  readonly #names: Names;
  readonly #known = new Map<string, Promise<Subscription>>();

  constructor(connections: Connections, names: Names) {
    this.#connections = connections;
    this.#names = names;
  }

  /** @throws DriverError `not_found`, `auth` ... */
  get(queue: string): Promise<Subscription> {
    return this.#known.get(queue) ?? this.refresh(queue);
  }

  /**
   * Asks again. What was known before stays so until there is an answer, and where it cannot be asked for.
   * @throws DriverError `not_found`, `auth` ...
   */
  refresh(queue: string): Promise<Subscription> {
    const reading = this.#read(queue);
    const before = this.#known.get(queue);
    if (before === undefined) this.#known.set(queue, reading);
    reading.then(
      () => {
        if (this.#known.get(queue) === before) this.#known.set(queue, reading);
      },
      (error: unknown) => {
        const isGone = error instanceof DriverError && error.kind === "not_found";
        const known = this.#known.get(queue);
        if (known === reading || (isGone && known === before)) this.#known.delete(queue);
      },
    );
    return reading;
  }

  /** Its full name, for which nobody has to be asked. */
  name(project: string, queue: string): string {
    return this.#names.subscription(project, queue);
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
      if (subscription.topic === DELETED_TOPIC) throw new TopicDeleted(name);
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
    delayQueue: siblingQueue(queue, "-delay"),
    nativeDelayMs: 0,
    target: shared ? (subscription.name ?? undefined) : undefined,
    brokerMaxDeliveries: maxDeliveries,
    countsDeliveries: maxDeliveries !== undefined,
  };
}
