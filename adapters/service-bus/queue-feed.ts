import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { connectionOf, ConnectionWatch } from "./connection.ts";
import { deliveryOf, type ServiceBusReceipt } from "./delivery.ts";
import { AS_SENT, endedSoon, type Feed, type FeedOptions } from "./feed.ts";
import { QueueLink } from "./queue-link.ts";
import { lockedUntil } from "./time.ts";

/**
 * Receives from a queue without sessions, or from a dead-letter sub-queue. It uses one link, and a further link when the
 * first one has no room.
 */
export class QueueFeed implements Feed {
  readonly #options: FeedOptions;
  /** Settles the messages of all links. It has no receiving link of its own, so it outlives each of them. */
  readonly #settler: ServiceBusReceiver;
  readonly #watch: ConnectionWatch;
  #links: QueueLink[] = [];

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#settler = this.#receiver();
    this.#watch = new ConnectionWatch(options.client, options.clock, () => {
      for (const link of this.#links) if (link.connection !== this.#connection) link.lost();
    });
  }

  get isOpen(): boolean {
    return this.#links.some(({ isOpen }) => isOpen);
  }

  want(count: number): void {
    let missing = count - this.#links.reduce((sum, { credit }) => sum + credit, 0);
    for (const link of this.#links) missing -= link.grant(Math.max(0, missing));
    while (missing > 0) missing -= this.#open(missing);
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    await endedSoon(Promise.all(this.#links.map((link) => link.stop())));
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await endedSoon(Promise.all([...this.#links, this.#settler].map((one) => one.close())));
    this.#links = [];
  }

  get #connection(): string | undefined {
    return connectionOf(this.#options.client);
  }

  #open(credit: number): number {
    const link: QueueLink = new QueueLink(this.#receiver(), credit, this.#connection, {
      onMessage: (message, done) => this.#received(link, message, done),
      onEnd: (error) => {
        this.#links = this.#links.filter((one) => one !== link);
        this.#options.buffer.fail(error);
      },
    });
    this.#links.push(link);
    return link.credit;
  }

  #received(link: QueueLink, message: ServiceBusReceivedMessage, done: ServiceBusReceipt["done"]): void {
    const { buffer, clock, lock, entity } = this.#options;
    const receipt: ServiceBusReceipt = {
      message,
      settler: this.#settler,
      done,
      linkGone: link.gone,
      extend: async () => {
        const requestedAt = clock.monotonic();
        const stated = await this.#settler.renewMessageLock(message);
        return lockedUntil(clock.now() - (clock.monotonic() - requestedAt), lock, stated);
      },
    };
    const leaseUntil = lockedUntil(clock.now(), lock, message.lockedUntilUtc);
    buffer.put(deliveryOf(receipt, leaseUntil, entity.isDeadLetters));
  }

  #receiver(): ServiceBusReceiver {
    const { client, entity } = this.#options;
    return client.createReceiver(entity.name, {
      receiveMode: "peekLock",
      ...AS_SENT,
      ...(entity.isDeadLetters ? { subQueueType: "deadLetter" } : {}),
    });
  }
}
