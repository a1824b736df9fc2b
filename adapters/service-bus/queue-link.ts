import type { MessageHandlers, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { DriverError } from "../../src/driver/index.ts";
import { hushLink } from "./connection.ts";
import { driverError } from "./errors.ts";
import { inTime } from "./feed.ts";

/** What a link tells its feed. */
export interface LinkEvents {
  /** `done` is to be called once, when it is settled or lost; and whether the link itself has said so. */
  message(message: ServiceBusReceivedMessage, done: (onLink: boolean) => void): void;
  /** The link is gone, and nothing will come on it any more. */
  ended(error: DriverError): void;
}

/** Not in the SDK's types: it calls these before and after each time that it opens the link, the first included. */
type Handlers = MessageHandlers & { preInitialize(): Promise<void>; postInitialize(): Promise<void> };

/** A link holds deliveries in a ring of so many, whose places are free again only in turn. */
const RING = 2_048;
/** Behind one message that is held for long, no more than these are taken. */
const MAX_SPAN = 1_900;

/**
 * One receiving link, whose credit is exactly what was asked for. The SDK gives a link new credit whenever a callback
 * returns: each callback is held until another message is wanted, settled or not.
 */
export class QueueLink {
  /** That of its client when it was opened. */
  readonly connection: string | undefined;
  readonly #receiver: ServiceBusReceiver;
  readonly #events: LinkEvents;
  readonly #ending = new AbortController();
  readonly #gone = new AbortController();
  readonly #subscription: { close(): Promise<void> };
  /** Callbacks, each worth a credit. */
  readonly #held: (() => void)[] = [];
  /** Of each place in the ring, 1 where the message that has it is settled. */
  readonly #settled = new Uint8Array(RING);
  /** The number, on this link, of the first message that may be unsettled, and of the last one that came. */
  #oldest = 1;
  #last = 0;
  #openings = 0;
  #isOpening = false;
  #credit: number;
  #isOver = false;

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
        if (errorSource === "receive") this.#end(driverError(error, "Receiving", "Listen"));
      },
      postInitialize: async () => {
        hushLink(this.#receiver);
        this.#opened();
      },
      preInitialize: async () => {
        this.#isOpening = true;
        this.#openings += 1;
        // It would open again with all of its credit, whatever is still being worked on: a new one is opened instead.
        if (this.#openings > 1)
          this.#end(new DriverError("transient", "The link was closed by the service."));
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

  /** Messages that may still come without being asked for again. */
  get credit(): number {
    return this.#credit;
  }

  /** Asks for up to `count` more; returns for how many. */
  grant(count: number): number {
    while (this.#oldest <= this.#last && this.#settled[this.#oldest % RING] === 1) this.#oldest += 1;
    const room = MAX_SPAN - (this.#last + 1 - this.#oldest) - this.#credit;
    const granted = Math.max(0, Math.min(count, this.#held.length, room));
    this.#credit += granted;
    for (const release of this.#held.splice(0, granted)) release();
    return granted;
  }

  /** Its connection is gone, whether it has noticed or not. */
  lost(): void {
    this.#end(new DriverError("transient", "The connection was lost."));
  }

  /** Asks for no more; resolves when nothing comes any more. What is unsettled can be settled still. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#endTrying();
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
    this.#settled[number % RING] = 0;
    this.#events.message(message, (onLink) => {
      // Of one that was settled elsewhere, or not at all, the place is never free again.
      if (onLink) this.#settled[number % RING] = 1;
    });
    return new Promise((release) => this.#held.push(release));
  }

  #end(error: DriverError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#credit = 0;
    this.#gone.abort();
    this.#endTrying();
    void inTime(this.close());
    this.#events.ended(error);
  }

  /** It is open, or could not be opened. */
  #opened(): void {
    this.#isOpening = false;
    if (!this.#isOver) return;
    void inTime(this.#subscription.close());
    this.#endTrying();
  }

  /**
   * Lets the SDK try no more. Not while it opens a link: it would close that with nobody to hear that it fails, which
   * ends the process a minute later.
   */
  #endTrying(): void {
    if (!this.#isOpening) this.#ending.abort();
  }

  #releaseAll(): void {
    for (const release of this.#held.splice(0)) release();
  }
}
