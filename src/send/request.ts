import type { Timer } from "../lib/clock.ts";
import type { Deadline } from "../lib/deadlines.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";
import type { QueueError } from "../errors.ts";
import { notSent, timedOut, unknownOutcome } from "./outcomes.ts";

/** The provider's answer for a message that it accepted. */
export interface Accepted {
  readonly brokerId?: string | undefined;
  readonly handle?: string | undefined;
}

/** Receives the outcome of a send, once. */
export interface SendListener {
  accepted(accepted: Accepted): void;
  refused(error: unknown): void;
}

/** One message on its way to the provider. */
export class SendRequest implements Deadline {
  readonly queue: string;
  readonly outgoing: Outgoing;
  readonly bytes: number;
  readonly deadlineMs: number;
  /** Deadline, in milliseconds of the monotonic clock. The listener then gets an error that says what is known. */
  readonly at: number;
  heapIndex = -1;
  /** Whether the listener has the outcome. */
  settled = false;
  /** The call under way that contains the message. */
  call: BatchCall | undefined;
  /** The timer of the next try. */
  pause: Timer | undefined;
  /** Number of failed calls. */
  failures = 0;
  /** Whether any failed call may have stored the message. */
  ambiguous = false;
  lastError: DriverError | undefined;
  /** Called once, when the listener has the outcome. */
  onEnd: (() => void) | undefined;
  readonly #listener: SendListener;
  readonly #onDone: (item: SendRequest) => void;

  constructor(
    queue: string,
    outgoing: Outgoing,
    bytes: number,
    deadlineMs: number,
    at: number,
    listener: SendListener,
    onDone: (item: SendRequest) => void,
  ) {
    this.queue = queue;
    this.outgoing = outgoing;
    this.bytes = bytes;
    this.deadlineMs = deadlineMs;
    this.at = at;
    this.#listener = listener;
    this.#onDone = onDone;
  }

  accept(accepted: Accepted): void {
    if (this.settled) return;
    this.#end();
    this.#listener.accepted(accepted);
  }

  refuse(error: unknown): void {
    if (this.settled) return;
    this.#end();
    this.#listener.refused(error);
  }

  /** Ends the wait, as the user's signal asks. */
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
      return unknownOutcome(queue, lastError ?? new Error(`no answer within ${Math.round(deadlineMs)} ms`));
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

const NONE_WAITS = new Error("every message of the call has its outcome");

/** One call to the provider for several messages. It is aborted when the deadline of the last message has passed. */
export class BatchCall {
  readonly #abort = new AbortController();
  #waiting: number;

  constructor(messages: number) {
    this.#waiting = messages;
  }

  /** Aborts when no message of the call waits any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Counts a message that got its outcome while the call was under way. */
  answered(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#abort.abort(NONE_WAITS);
  }
}
