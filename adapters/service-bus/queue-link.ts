import type { MessageHandlers, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { DriverError } from "../../src/driver/index.ts";
import { guardLinks } from "./connection.ts";
import { receivingError } from "./errors.ts";
import { endedSoon } from "./feed.ts";

/** Callbacks from a link to its feed. */
export interface LinkEvents {
  /**
   * Called with each message. The feed calls `done` once the message is settled or lost. `onLink` is true if the link
   * itself has answered the settlement.
   */
  onMessage(message: ServiceBusReceivedMessage, done: (onLink: boolean) => void): void;
  /** Called once, when the link has ended. No message will arrive on it. */
  onEnd(error: DriverError): void;
}

/** Handlers with two callbacks that the SDK's types do not contain: before and after each time the link is opened. */
type Handlers = MessageHandlers & { preInitialize(): Promise<void>; postInitialize(): Promise<void> };

/** Size of the ring in which rhea keeps unsettled deliveries. Its slots are freed in order only. */
const RING_SIZE = 2_048;
/**
 * Largest distance from the oldest unsettled message to the newest one. It is below the ring size, so that one message
 * that is held for long does not overflow the ring.
 */
const MAX_SPAN = 1_900;

/**
 * A receiving link whose credit is exactly the number of messages that were requested.
 *
 * The SDK adds one credit when a message callback returns. Each callback is therefore held until one more message is
 * requested, whether its own message is settled or not.
 */
export class QueueLink {
  /** The connection of the client when the link was opened. */
  readonly connection: string | undefined;
  readonly #receiver: ServiceBusReceiver;
  readonly #events: LinkEvents;
  readonly #ending = new AbortController();
  readonly #gone = new AbortController();
  readonly #subscription: { close(): Promise<void> };
  /** Message callbacks that have not returned. Each one adds a credit when it returns. */
  readonly #held: (() => void)[] = [];
  /** By slot of the ring: 1 if the message in the slot is settled. */
  readonly #settled = new Uint8Array(RING_SIZE);
  /** Numbers on this link of the oldest message that may be unsettled, and of the last message that arrived. */
  #oldest = 1;
  #last = 0;
  #openings = 0;
  #isOpening = false;
  #credit: number;
  #hasEnded = false;

  constructor(
    receiver: ServiceBusReceiver,
    credit: number,
    connection: string | undefined,
    events: LinkEvents,
  ) {
    this.connection = connection;
    this.#receiver = receiver;
    this.#events = events;
    this.#credit = Math.min(credit, MAX_SPAN);
    const handlers: Handlers = {
      processMessage: (message) => this.#received(message),
      processError: async ({ error, errorSource }) => {
        this.#opened();
        if (errorSource === "receive") this.#end(receivingError(error, "Receiving"));
      },
      postInitialize: async () => {
        guardLinks(this.#receiver);
        this.#opened();
      },
      preInitialize: async () => {
        this.#isOpening = true;
        this.#openings += 1;
        // The SDK would open the link again with its full credit, although some messages are still in use. So the link ends,
        // and the feed opens a new one.
        if (this.#openings > 1)
          this.#end(new DriverError("transient", "The link was closed by Service Bus."));
      },
    };
    this.#subscription = receiver.subscribe(handlers, {
      autoCompleteMessages: false,
      maxConcurrentCalls: this.#credit,
      abortSignal: this.#ending.signal,
    });
  }

  /** Aborts when the link is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Whether Service Bus has opened the link. */
  get isOpen(): boolean {
    return this.#openings > 0 && !this.#isOpening && !this.#hasEnded;
  }

  /** Number of messages that are requested and have not arrived. */
  get credit(): number {
    return this.#credit;
  }

  /** Requests up to `count` more messages. Returns the number that was requested. */
  grant(count: number): number {
    while (this.#oldest <= this.#last && this.#settled[this.#oldest % RING_SIZE] === 1) this.#oldest += 1;
    const room = MAX_SPAN - (this.#last + 1 - this.#oldest) - this.#credit;
    const granted = Math.max(0, Math.min(count, this.#held.length, room));
    this.#credit += granted;
    for (const release of this.#held.splice(0, granted)) release();
    return granted;
  }

  /** Ends the link after its connection was lost, which the SDK may not have noticed. */
  lost(): void {
    this.#end(new DriverError("transient", "The connection was lost."));
  }

  /** Requests no more messages. Resolves when none can arrive any more. Messages can still be settled. */
  async stop(): Promise<void> {
    this.#hasEnded = true;
    this.#abortOpening();
    await this.#subscription.close();
    this.#releaseAll();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#receiver.close();
  }

  #received(message: ServiceBusReceivedMessage): Promise<void> {
    const number = (this.#last += 1);
    this.#credit = Math.max(0, this.#credit - 1);
    this.#settled[number % RING_SIZE] = 0;
    this.#events.onMessage(message, (onLink) => {
      // A message that was settled elsewhere, or not at all, keeps its slot for good.
      if (onLink) this.#settled[number % RING_SIZE] = 1;
    });
    return new Promise((release) => this.#held.push(release));
  }

  #end(error: DriverError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#credit = 0;
    this.#gone.abort();
    this.#abortOpening();
    void endedSoon(this.close());
    this.#events.onEnd(error);
  }

  /** Called when the link is open, or could not be opened. */
  #opened(): void {
    this.#isOpening = false;
    if (!this.#hasEnded) return;
    void endedSoon(this.#subscription.close());
    this.#abortOpening();
  }

  /**
   * Stops the SDK from opening the link again, unless it is opening it now: an abort would close the link without handling
   * the error of that call. A minute later, the unhandled rejection would end the process.
   */
  #abortOpening(): void {
    if (!this.#isOpening) this.#ending.abort();
  }

  #releaseAll(): void {
    for (const release of this.#held.splice(0)) release();
  }
}
