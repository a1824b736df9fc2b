import type { BrokerMessage } from "./message.ts";
import { ReadyMessages } from "./ready-messages.ts";
import type { Refusal } from "./refusal.ts";

/** A receiving link, as the broker sees it. */
export interface Consumer {
  /** Number of messages that the link can take now. */
  readonly credit: number;
  /** True if the link takes nothing until its client gives credit. It calls {@link Consumers.offer} when that comes. */
  readonly isIdle: boolean;
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
  readonly #consumers = new Set<Consumer>();
  /** The consumers that may have credit, in the order of their turns. Idle links cost nothing, however many there are. */
  readonly #waiting = new Set<Consumer>();

  constructor(host: DeliveryHost) {
    this.#host = host;
    this.#ready = new ReadyMessages((message) => host.isReady(message));
  }

  /** Adds a ready message. It is delivered by the next {@link pump}. */
  add(message: BrokerMessage): void {
    this.#ready.push(message);
  }

  attach(consumer: Consumer): void {
    this.#consumers.add(consumer);
    this.#waiting.add(consumer);
  }

  /** Delivers to a consumer that may have credit now, and to the others. */
  offer(consumer: Consumer): void {
    if (consumer.isIdle || !this.#consumers.has(consumer)) return;
    this.#waiting.add(consumer);
    this.pump();
  }

  /** Detaches a consumer. The messages that it holds stay locked. */
  detach(consumer: Consumer): void {
    this.#consumers.delete(consumer);
    this.#waiting.delete(consumer);
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
    for (const consumer of this.#waiting) {
      if (consumer.isIdle) this.#waiting.delete(consumer);
      else if (consumer.credit > 0) {
        this.#waiting.delete(consumer);
        this.#waiting.add(consumer);
        return consumer;
      }
    }
    return undefined;
  }
}
