import type { Deadline } from "../deadlines.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";

/** What the provider said of a message that it took. */
export interface Accepted {
  readonly brokerId?: string | undefined;
  readonly handle?: string | undefined;
}

/** One message between the caller's promise and the provider's answer. */
export class Pending {
  readonly outgoing: Outgoing;
  readonly bytes: number;
  /** Epoch milliseconds at which it is settled, whatever is known by then. */
  readonly deadlineAt: number;
  deadline: Deadline | undefined;
  /** Whether the caller has been answered. */
  settled = false;
  inFlight = false;
  /** Failed calls so far. */
  failures = 0;
  /** Whether any call may have stored it. */
  ambiguous = false;
  lastError: DriverError | undefined;
  readonly #onDone: (item: Pending) => void;
  readonly #resolve: (accepted: Accepted) => void;
  readonly #reject: (error: unknown) => void;
  #onSettled: (() => void) | undefined;
  #onEnd: (() => void) | undefined;

  constructor(
    outgoing: Outgoing,
    bytes: number,
    deadlineAt: number,
    onDone: (item: Pending) => void,
    resolve: (accepted: Accepted) => void,
    reject: (error: unknown) => void,
  ) {
    this.outgoing = outgoing;
    this.bytes = bytes;
    this.deadlineAt = deadlineAt;
    this.#onDone = onDone;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Called once, when the caller has been answered; for whoever has it in hand. Set anew at each step. */
  set onSettled(run: () => void) {
    this.#onSettled = run;
  }

  /** Called once as well; for whoever made it. */
  set onEnd(run: () => void) {
    this.#onEnd = run;
  }

  /** What is known where no answer came: certainly not sent, or perhaps. */
  get outcome(): "never_tried" | "not_sent" | "unknown" {
    if (this.inFlight || this.ambiguous) return "unknown";
    return this.lastError === undefined ? "never_tried" : "not_sent";
  }

  accept(accepted: Accepted): void {
    if (this.settled) return;
    this.settled = true;
    this.#onDone(this);
    this.#resolve(accepted);
    this.#onSettled?.();
    this.#onEnd?.();
  }

  refuse(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.#onDone(this);
    this.#reject(error);
    this.#onSettled?.();
    this.#onEnd?.();
  }
}
