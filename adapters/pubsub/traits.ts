import type { protos } from "@google-cloud/pubsub";
import { DriverError, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { driverError } from "./errors.ts";
import type { Names } from "./names.ts";

export type Subscription = protos.google.pubsub.v1.ISubscription;

/** A subscription as the service has described it. Its `name` is spelled as it is configured, for requests. */
export interface DescribedSubscription extends Subscription {
  /**
   * The name that the service gives it. A configuration may spell the project as its id or as its number, and two
   * deployments may differ in that.
   */
  readonly serviceName?: string | undefined;
}

/** The topic of a subscription whose topic was deleted. */
export const DELETED_TOPIC = "_deleted-topic_";

/** The error of a subscription that exists but whose topic was deleted. It gets no messages any more. */
export class TopicDeleted extends DriverError {
  constructor(subscription: string) {
    super("not_found", `The topic of ${subscription} was deleted; drop the queue and create it again`);
  }
}

/** A cache of the subscriptions by logical queue. Each is read once, and again after it was created or removed. */
export class Subscriptions {
  readonly #connections: Connections;
  readonly #names: Names;
  readonly #known = new Map<string, Promise<DescribedSubscription>>();

  constructor(connections: Connections, names: Names) {
    this.#connections = connections;
    this.#names = names;
  }

  /** @throws DriverError `not_found` if the subscription does not exist, and any other kind */
  get(queue: string): Promise<DescribedSubscription> {
    return this.#known.get(queue) ?? this.refresh(queue);
  }

  /**
   * Reads the subscription again. The cached one stays until there is an answer, and if the read fails.
   * @throws DriverError `not_found` if the subscription does not exist, and any other kind
   */
  refresh(queue: string): Promise<DescribedSubscription> {
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

  /** The full name of a queue's subscription. */
  name(project: string, queue: string): string {
    return this.#names.subscription(project, queue);
  }

  forget(queue: string): void {
    this.#known.delete(queue);
  }

  async #read(queue: string): Promise<DescribedSubscription> {
    try {
      const clients = await this.#connections.clients();
      const name = this.#names.subscription(clients.project, queue);
      const [subscription] = await clients.answer(
        clients.subscriber.getSubscription({ subscription: name }, once()),
      );
      if (subscription.topic === DELETED_TOPIC) throw new TopicDeleted(name);
      const serviceName = subscription.name || name;
      this.#names.claim(queue, serviceName);
      return { ...subscription, name, serviceName };
    } catch (error) {
      throw driverError(error, "pubsub.subscriptions.get");
    }
  }
}

/** The traits of a queue, from its subscription. @param shared whether other subscriptions may share the topic */
export function traitsOf(
  queue: string,
  subscription: DescribedSubscription,
  shared: boolean = false,
): QueueTraits {
  const { enableMessageOrdering, deadLetterPolicy, name } = subscription;
  const { serviceName = name ?? undefined } = subscription;
  // Pub/Sub counts deliveries only for a dead-letter policy.
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
    target: shared ? serviceName : undefined,
    brokerMaxDeliveries: maxDeliveries,
    countsDeliveries: maxDeliveries !== undefined,
  };
}
