import type { ServiceBusReceivedMessage, ServiceBusSessionReceiver } from "@azure/service-bus";
import type { Clock } from "../../src/driver/index.ts";
import { hushLink } from "./connection.ts";
import { deliveryOf, type Receipt } from "./delivery.ts";
import { inTime } from "./feed.ts";
import type { Mailbox } from "./mailbox.ts";
import { type LockTime, lockedUntil } from "./time.ts";

/** What a session tells its feed. */
export interface SessionEvents {
  /** The message that it was asked for has come. */
  arrived(session: Session): void;
  /** Its message is settled: it can be asked for another. */
  free(session: Session): void;
  /** It is given back, or lost. */
  ended(session: Session): void;
  /** Whether there may be others that have messages, and nobody to look for them. */
  othersMayWait(): boolean;
}

export interface SessionOptions {
  readonly receiver: ServiceBusSessionReceiver;
  readonly mailbox: Mailbox;
  readonly lock: LockTime;
  readonly clock: Clock;
  readonly events: SessionEvents;
}

/** How long a session may wait for a message of its own, where no other session is known to wait for us. */
const IDLE_MS = 1_000;
/** And where others may. */
const BUSY_IDLE_MS = 50;
/** After so long it is others' turn, once its message is settled. */
const TURN_MS = 5_000;

/** One session that this process holds. One of its messages at a time is on its way, or being worked on. */
export class Session {
  readonly #options: SessionOptions;
  readonly #acceptedAt: number;
  #lockedAt: number;
  #state: "free" | "asked" | "busy" | "over" = "free";
  #subscription: { close(): Promise<void> } | undefined;
  /** The SDK asks for the next message when this is called. */
  #release: (() => void) | undefined;
  #idle: (() => void) | undefined;
  #message: ServiceBusReceivedMessage | undefined;
  #isStopped = false;
  readonly #gone = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
    hushLink(options.receiver);
    this.#acceptedAt = options.clock.now();
    this.#lockedAt = this.#acceptedAt;
  }

  get isAsked(): boolean {
    return this.#state === "asked";
  }

  get isFree(): boolean {
    return this.#state === "free" && !this.#isStopped;
  }

  /** Asks for one message. */
  ask(): void {
    if (!this.isFree) return;
    this.#idle?.();
    const { receiver, clock, lock } = this.#options;
    this.#state = "asked";
    this.#idleFor(BUSY_IDLE_MS);
    if (clock.now() - this.#lockedAt > lock.ms / 3) void this.#extend().catch(() => undefined);
    if (this.#release !== undefined) {
      const release = this.#release;
      this.#release = undefined;
      release();
      return;
    }
    this.#subscription = receiver.subscribe(
      {
        processMessage: (message) => this.#received(message),
        processError: async ({ errorSource }) => {
          if (errorSource === "receive" || errorSource === "processMessageCallback") this.#end();
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: 1 },
    );
  }

  #idleFor(ms: number): void {
    const { clock, lock, events } = this.#options;
    const timer = clock.timer(ms, () => {
      if (ms === BUSY_IDLE_MS && !events.othersMayWait()) this.#idleFor(Math.min(IDLE_MS, lock.ms / 4));
      else void this.giveBack();
    });
    this.#idle = () => timer.cancel();
  }

  /** Lets others have the session, unless a message comes on the way: then after that one. */
  async giveBack(): Promise<void> {
    if (this.#isBusy) return;
    await this.stop();
    if (!this.#isBusy) this.#end();
  }

  /** Asks for no more; resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#idle?.();
    await inTime(this.#subscription?.close() ?? Promise.resolve());
  }

  async close(): Promise<void> {
    const { receiver } = this.#options;
    const left = this.#isBusy ? this.#message : undefined;
    this.#end();
    // A message of a session that is closed would come again as if it had never been delivered.
    if (left !== undefined) await inTime(receiver.abandonMessage(left));
    await inTime(receiver.close());
  }

  get #isBusy(): boolean {
    return this.#state === "busy";
  }

  #received(message: ServiceBusReceivedMessage): Promise<void> {
    const { receiver, mailbox, lock } = this.#options;
    this.#idle?.();
    this.#state = "busy";
    this.#message = message;
    this.#options.events.arrived(this);
    const receipt: Receipt = {
      message,
      settler: receiver,
      linkGone: this.#gone.signal,
      extend: () => this.#extend(),
      done: () => this.#settled(),
    };
    mailbox.put(
      deliveryOf(receipt, lockedUntil(this.#lockedAt, lock, receiver.sessionLockedUntilUtc), false),
    );
    return new Promise((release) => {
      this.#release = release;
    });
  }

  async #extend(): Promise<number> {
    const { receiver, clock, lock } = this.#options;
    const askedAt = clock.now();
    const until = await receiver.renewSessionLock();
    this.#lockedAt = askedAt;
    return lockedUntil(askedAt, lock, until);
  }

  #settled(): void {
    if (this.#state !== "busy") return;
    const { clock, events } = this.#options;
    this.#state = "free";
    if (this.#isStopped || this.#options.receiver.isClosed || clock.now() - this.#acceptedAt > TURN_MS)
      this.#end();
    else {
      events.free(this);
      // Where there is no room for another of its messages, somebody else may have.
      if (this.isFree) this.#idleFor(BUSY_IDLE_MS);
    }
  }

  #end(): void {
    if (this.#state === "over") return;
    const wasBusy = this.#isBusy;
    this.#state = "over";
    this.#gone.abort();
    this.#idle?.();
    this.#release?.();
    this.#options.events.ended(this);
    // The session of a message that is being worked on is lost in any case; its receiver says so when that is settled.
    if (!wasBusy) void inTime(this.#options.receiver.close());
  }
}
