import type { ServiceBusReceivedMessage, ServiceBusSessionReceiver } from "@azure/service-bus";
import type { Clock } from "../../src/driver/index.ts";
import { guardLinks } from "./connection.ts";
import type { DeliveryBuffer } from "./delivery-buffer.ts";
import { deliveryOf, type ServiceBusReceipt } from "./delivery.ts";
import { endedSoon } from "./feed.ts";
import { type LockTime, lockedUntil } from "./time.ts";

/** Callbacks from a session to its feed. */
export interface SessionEvents {
  /** Called when the requested message has arrived. */
  onMessage(session: Session): void;
  /** Called when the message of the session is settled, so that another one can be requested. */
  onFree(session: Session): void;
  /** Called when the session was released or lost. */
  onEnd(session: Session): void;
  /** Whether other sessions may have messages and no receiver. */
  othersMayWait(): boolean;
}

export interface SessionOptions {
  readonly receiver: ServiceBusSessionReceiver;
  readonly buffer: DeliveryBuffer;
  readonly lock: LockTime;
  readonly clock: Clock;
  readonly events: SessionEvents;
}

/** Time that a session without a message is kept if no other session seems to wait. */
const IDLE_MS = 1_000;
/** Time that a session without a message is kept if other sessions may wait. */
const BUSY_IDLE_MS = 50;
/** Time after which a session is released in favour of others, once its present message is settled. */
const TURN_MS = 5_000;

/** A session that this process holds. It receives one message at a time. */
export class Session {
  readonly #options: SessionOptions;
  /** Milliseconds of the monotonic clock, as `#lockedAt`. */
  readonly #acceptedAt: number;
  #lockedAt: number;
  /** Without a message, waiting for a requested message, with an unsettled message, or ended. */
  #state: "free" | "requested" | "busy" | "ended" = "free";
  #subscription: { close(): Promise<void> } | undefined;
  /** Lets the message callback return, after which the SDK requests the next message. */
  #returnCallback: (() => void) | undefined;
  #cancelIdleTimer: (() => void) | undefined;
  #message: ServiceBusReceivedMessage | undefined;
  #isStopped = false;
  readonly #gone = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
    guardLinks(options.receiver);
    this.#acceptedAt = options.clock.monotonic();
    this.#lockedAt = this.#acceptedAt;
  }

  /** Whether a message was requested and has not arrived. */
  get isRequested(): boolean {
    return this.#state === "requested";
  }

  /** Whether a message can be requested. */
  get isFree(): boolean {
    return this.#state === "free" && !this.#isStopped;
  }

  /** Requests one message. */
  request(): void {
    if (!this.isFree) return;
    this.#cancelIdleTimer?.();
    const { receiver, clock, lock } = this.#options;
    this.#state = "requested";
    this.#startIdleTimer(BUSY_IDLE_MS);
    if (clock.monotonic() - this.#lockedAt > lock.ms / 3) void this.#extend().catch(() => undefined);
    if (this.#returnCallback !== undefined) {
      const returnCallback = this.#returnCallback;
      this.#returnCallback = undefined;
      returnCallback();
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

  #startIdleTimer(ms: number): void {
    const { clock, lock, events } = this.#options;
    const timer = clock.timer(ms, () => {
      if (ms === BUSY_IDLE_MS && !events.othersMayWait())
        this.#startIdleTimer(Math.min(IDLE_MS, lock.ms / 4));
      else void this.release();
    });
    this.#cancelIdleTimer = () => timer.cancel();
  }

  /** Releases the session. If a message arrives meanwhile, the session ends after that message is settled. */
  async release(): Promise<void> {
    if (this.#isBusy) return;
    await this.stop();
    if (!this.#isBusy) this.#end();
  }

  /** Requests no more messages. Resolves when none is on its way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelIdleTimer?.();
    await endedSoon(this.#subscription?.close() ?? Promise.resolve());
  }

  async close(): Promise<void> {
    const { receiver } = this.#options;
    const unsettled = this.#isBusy ? this.#message : undefined;
    this.#end();
    // Abandoned, because closing a session does not count as a delivery of its message:
    // https://learn.microsoft.com/azure/service-bus-messaging/message-sessions (2021-04-01).
    if (unsettled !== undefined) await endedSoon(receiver.abandonMessage(unsettled));
    await endedSoon(receiver.close());
  }

  get #isBusy(): boolean {
    return this.#state === "busy";
  }

  #received(message: ServiceBusReceivedMessage): Promise<void> {
    const { receiver, buffer } = this.#options;
    this.#cancelIdleTimer?.();
    this.#state = "busy";
    this.#message = message;
    this.#options.events.onMessage(this);
    const receipt: ServiceBusReceipt = {
      message,
      settler: receiver,
      linkGone: this.#gone.signal,
      extend: () => this.#extend(),
      done: () => this.#settled(),
    };
    buffer.put(deliveryOf(receipt, this.#lockedUntil(receiver.sessionLockedUntilUtc), false));
    return new Promise((resolve) => {
      this.#returnCallback = resolve;
    });
  }

  async #extend(): Promise<number> {
    const { receiver, clock } = this.#options;
    const requestedAt = clock.monotonic();
    const until = await receiver.renewSessionLock();
    this.#lockedAt = requestedAt;
    return this.#lockedUntil(until);
  }

  /** The end of the lock, in epoch milliseconds. */
  #lockedUntil(stated: Date | undefined): number {
    const { clock, lock } = this.#options;
    return lockedUntil(clock.now() - (clock.monotonic() - this.#lockedAt), lock, stated);
  }

  #settled(): void {
    if (this.#state !== "busy") return;
    const { clock, events } = this.#options;
    this.#state = "free";
    if (this.#isStopped || this.#options.receiver.isClosed || clock.monotonic() - this.#acceptedAt > TURN_MS)
      this.#end();
    else {
      events.onFree(this);
      // The feed may have no room for another message. Then another process should get the session.
      if (this.isFree) this.#startIdleTimer(BUSY_IDLE_MS);
    }
  }

  #end(): void {
    if (this.#state === "ended") return;
    const wasBusy = this.#isBusy;
    this.#state = "ended";
    this.#gone.abort();
    this.#cancelIdleTimer?.();
    this.#returnCallback?.();
    this.#options.events.onEnd(this);
    // With an unsettled message the receiver stays open. It reports the lost session when the message is settled.
    if (!wasBusy) void endedSoon(this.#options.receiver.close());
  }
}
