import type { BrokerMessage } from "./message.ts";
import { ReadyMessages } from "./ready-messages.ts";
import type { Refusal } from "./refusal.ts";

/** A receiving link, as the broker sees it. */
export interface Consumer {
  /** Number of messages that the link can take now. */
  readonly credit: number;
  /** True if the link receives and deletes: its messages are removed on delivery and are never settled. */
  readonly deletes: boolean;
  deliver(message: BrokerMessage): void;
  /** Ends the link, because its entity was removed. */
  end(refusal: Refusal): void;
}

/** The part of an entity that decides on one delivery. */
export interface DeliveryHost {
  /** Whether a message is still in the entity and can be delivered now. */
  isReady(message: BrokerMessage): boolean;
  /** Locks a message for a consumer, or removes it if the consumer deletes, and delivers it. */
  deliver(message: BrokerMessage, consumer: Consumer): void;
}

/** The competing consumers of an entity without sessions: its ready messages, and the links that take them in turn. */
export class Consumers {
  readonly #host: DeliveryHost;
  readonly #ready: ReadyMessages;
  #consumers: Consumer[] = [];

  constructor(host: DeliveryHost) {
    this.#host = host;
    this.#ready = new ReadyMessages((message) => host.isReady(message));
  }

  /** Adds a ready message. It is delivered by the next {@link pump}. */
  add(message: BrokerMessage): void {
    this.#ready.push(message);
  }

  attach(consumer: Consumer): void {
    this.#consumers.push(consumer);
  }

  /** Detaches a consumer. The messages that it holds stay locked. */
  detach(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((one) => one !== consumer);
  }

  /** Delivers ready messages until there are none, or no consumer has credit. */
  pump(): void {
    for (;;) {
      const message = this.#ready.first();
      const consumer = message === undefined ? undefined : this.#nextConsumer();
      if (message === undefined || consumer === undefined) return;
      this.#ready.pop();
      this.#host.deliver(message, consumer);
    }
  }

  end(refusal: Refusal): void {
    for (const consumer of this.#consumers) consumer.end(refusal);
  }

  /** The next consumer that has credit. It moves to the end of the list. */
  #nextConsumer(): Consumer | undefined {
    const index = this.#consumers.findIndex(({ credit }) => credit > 0);
    const [consumer] = index < 0 ? [] : this.#consumers.splice(index, 1);
    if (consumer !== undefined) this.#consumers.push(consumer);
    return consumer;
  }
}
