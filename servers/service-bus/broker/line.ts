import { Heap } from "./heap.ts";
import type { StoredMessage } from "./message.ts";
import type { Refusal } from "./refusal.ts";

/** A receiving link, as what it receives from sees it. */
export interface Consumer {
  /** How many messages it can take now. */
  readonly credit: number;
  /** Whether it takes messages for good, without settling them. */
  readonly deletes: boolean;
  deliver(message: StoredMessage): void;
  /** What it receives from is gone. */
  end(refusal: Refusal): void;
}

/** What a line asks of its entity. */
export interface LineHost {
  /** Places in a line are not cleared when a message leaves it; who comes upon one asks here. */
  isReady(message: StoredMessage): boolean;
  /** Locks the message for the consumer, or takes it for good, and delivers it. */
  hand(message: StoredMessage, consumer: Consumer): void;
}

/** Messages in their order, and links that receive them in turn. */
export class Line {
  readonly #host: LineHost;
  readonly #ready = new Heap<StoredMessage>();
  #consumers: Consumer[] = [];

  constructor(host: LineHost) {
    this.#host = host;
  }

  add(message: StoredMessage): void {
    this.#ready.push(message);
  }

  attach(consumer: Consumer): void {
    this.#consumers.push(consumer);
  }

  /** What it holds stays locked. */
  detach(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((one) => one !== consumer);
  }

  /** Hands out what can be handed out. */
  pump(): void {
    for (;;) {
      const message = firstReady(this.#ready, this.#host);
      const consumer = message === undefined ? undefined : this.#nextConsumer();
      if (message === undefined || consumer === undefined) return;
      this.#ready.pop();
      this.#host.hand(message, consumer);
    }
  }

  end(refusal: Refusal): void {
    for (const consumer of this.#consumers) consumer.end(refusal);
  }

  /** The next one that has credit; then it is the others' turn. */
  #nextConsumer(): Consumer | undefined {
    const index = this.#consumers.findIndex(({ credit }) => credit > 0);
    const [consumer] = index < 0 ? [] : this.#consumers.splice(index, 1);
    if (consumer !== undefined) this.#consumers.push(consumer);
    return consumer;
  }
}

/** The first that can be delivered; places whose message has left are cleared on the way. */
export function firstReady(ready: Heap<StoredMessage>, host: LineHost): StoredMessage | undefined {
  for (let { first } = ready; first !== undefined; { first } = ready) {
    if (host.isReady(first)) return first;
    ready.pop();
  }
  return undefined;
}
