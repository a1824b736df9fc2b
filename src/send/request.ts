import type { Timer } from "../lib/clock.ts";
import type { Deadline } from "../lib/deadlines.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";
import type { QueueError } from "../errors.ts";
import { notSent, timedOut, unknownOutcome } from "./outcomes.ts";

/** What the provider said of a message that it took. */
export interface Accepted {
  readonly brokerId?: string | undefined;
  readonly handle?: string | undefined;
}

/** Who waits for the outcome of a send. Hears of it once. */
export interface SendListener {
  accepted(accepted: Accepted): void;
  refused(error: unknown): void;
}

/** One message between its caller and the provider's answer. */
export class SendRequest implements Deadline {
  readonly queue: string;
  readonly outgoing: Outgoing;
  readonly bytes: number;
  readonly deadlineMs: number;
  /** Epoch milliseconds at which its caller is answered, whatever is known by then. */
  readonly at: number;
  heapIndex = -1;
  /** Whether the caller has been answered. */
  settled = false;
  /** The call that it travels in. */
  call: BatchCall | undefined;
  /** Until it is tried again. */
  pause: Timer | undefined;
  /** Failed calls so far. */
  failures = 0;
  /** Whether any call may have stored it. */
  ambiguous = false;
  lastError: DriverError | undefined;
  /** Called once, when the caller has been answered; for whoever made it. */
  onEnd: (() => void) | undefined;
  readonly #caller: SendListener;
  readonly #onDone: (item: SendRequest) => void;

  constructor(
    queue: string,
    outgoing: Outgoing,
    bytes: number,
    deadlineMs: number,
    at: number,
    caller: SendListener,
    onDone: (item: SendRequest) => void,
  ) {
    this.queue = queue;
    this.outgoing = outgoing;
    this.bytes = bytes;
    this.deadlineMs = deadlineMs;
    this.at = at;
    this.#caller = caller;
    this.#onDone = onDone;
  }

  accept(accepted: Accepted): void {
    if (this.settled) return;
    this.#end();
    this.#caller.accepted(accepted);
  }

  refuse(error: unknown): void {
    if (this.settled) return;
    this.#end();
    this.#caller.refused(error);
  }

  /** Its caller waits no longer. */
  abort(reason: unknown): void {
    this.refuse(this.#perhapsSent ? unknownOutcome(this.queue, reason) : reason);
  }

  expire(): void {
    this.refuse(this.#expired());
  }

  get #perhapsSent(): boolean {
    return this.call !== undefined || this.ambiguous;
  }

  #expired(): QueueError {
    const { queue, deadlineMs, lastError } = this;
    if (this.#perhapsSent)
      return unknownOutcome(queue, lastError ?? new Error(`no answer within ${deadlineMs} ms`));
    return lastError === undefined ? timedOut(queue, deadlineMs) : notSent(queue, deadlineMs, lastError);
  }

  #end(): void {
    this.settled = true;
    this.#onDone(this);
    this.call?.answered();
    this.pause?.cancel();
    this.onEnd?.();
  }
}

const NOBODY_WAITS = new Error("every caller has been answered");

/** One call of the provider for several messages. Once the last caller has been answered, by its deadline, nobody waits for it. */
export class BatchCall {
  readonly #abort = new AbortController();
  #waiting: number;

  constructor(messages: number) {
    this.#waiting = messages;
  }

  /** Aborts when nobody waits for this call any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The caller of one of its messages has been answered, while it is under way. */
  answered(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#abort.abort(NOBODY_WAITS);
  }
}
