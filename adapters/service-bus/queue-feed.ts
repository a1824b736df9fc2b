import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { connectionOf, ConnectionWatch } from "./connection.ts";
import { deliveryOf, type Receipt } from "./delivery.ts";
import { AS_SENT, type Feed, type FeedOptions, inTime } from "./feed.ts";
import { QueueLink } from "./queue-link.ts";
import { lockedUntil } from "./time.ts";

/** Messages of a queue without sessions, or of dead letters: one link as a rule, a further one where that is full. */
export class QueueFeed implements Feed {
  readonly #options: FeedOptions;
  /** Has no link of its own, and outlives those that have: it settles what came on any of them. */
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

  want(count: number): void {
    let missing = count - this.#links.reduce((sum, { credit }) => sum + credit, 0);
    for (const link of this.#links) missing -= link.grant(Math.max(0, missing));
    while (missing > 0) missing -= this.#open(missing);
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    await inTime(Promise.all(this.#links.map((link) => link.stop())));
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await inTime(Promise.all([...this.#links, this.#settler].map((one) => one.close())));
    this.#links = [];
  }

  get #connection(): string | undefined {
    return connectionOf(this.#options.client);
  }

  #open(credit: number): number {
    const link: QueueLink = new QueueLink(this.#receiver(), credit, this.#connection, {
      message: (message, done) => this.#received(link, message, done),
      ended: (error) => {
        this.#links = this.#links.filter((one) => one !== link);
        this.#options.mailbox.fail(error);
      },
    });
    this.#links.push(link);
    return link.credit;
  }

  #received(link: QueueLink, message: ServiceBusReceivedMessage, done: Receipt["done"]): void {
    const { mailbox, clock, lock, entity } = this.#options;
    const receipt: Receipt = {
      message,
      settler: this.#settler,
      done,
      linkGone: link.gone,
      extend: async () => {
        const askedAt = clock.now();
        return lockedUntil(askedAt, lock, await this.#settler.renewMessageLock(message));
      },
    };
    const leaseUntil = lockedUntil(clock.now(), lock, message.lockedUntilUtc);
    mailbox.put(deliveryOf(receipt, leaseUntil, entity.isDeadLetters));
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
