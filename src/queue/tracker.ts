import type { PauseController } from "../lib/pause.ts";
import type { Message } from "../message/message.ts";
import type { Disposition } from "./disposition.ts";

/** One message in a receiver, from its receipt to its settlement, as a {@link Tracker} sees it. */
export interface TrackedRun {
  readonly message: Message;
  /** The logical queue name. */
  readonly queue: string;
  /** The number of the attempt. A claim may set it. */
  readonly attempt: number;
  /** Failed runs before this copy of the message was made: `qp_attempt`. */
  readonly attemptsOfCopy: number;
  /** Number of times that the message was redriven: `qp_redrive`. */
  readonly redrive: number;
  /** Whether the delivery has the details of a dead letter: another tool moved it back as it was. */
  readonly wasDeadLetter: boolean;
  /** Whether the message says when it was created. If not, its `createdAt` is that of this copy. */
  readonly statesCreation: boolean;
  /** The value of `qp_job`, by which a sender tells the tracker about one message; undefined if there is none. */
  readonly jobFlags: string | undefined;
  /** When the lease ends unless it is extended, in milliseconds of the monotonic clock. */
  readonly leaseUntil: number;
  /** When the handler was called, in milliseconds of the monotonic clock; 0 until then. */
  readonly startedAt: number;
  /** When the handler ended or the run was given up, in milliseconds of the monotonic clock. */
  readonly endedAt: number;
  /** A value that the tracker keeps with the run. */
  tracking: unknown;
  /** Aborts the signal of the run. */
  abort(reason: Error): void;
}

/** The fate of a message; `abandon` leaves it to be redelivered when its lease ends. */
export type Conclusion = Disposition | "abandon";

/** The answer to a claim. */
export type RunClaim =
  /** The handler is called. `attempt` is the number of its attempt; undefined if the broker's count applies. */
  | { readonly run: true; readonly attempt: number | undefined }
  /** The handler is not called, and the message is settled. */
  | { readonly run: false; readonly disposition: Disposition };

/**
 * Remembers runs outside of the broker. Its methods must not throw, and its promises must neither reject nor wait for
 * ever: a message stays leased until they have resolved.
 */
export interface Tracker {
  /**
   * Called before a handler is called. The run has its slot. A payload that a codec has encoded is still encoded. Undefined
   * if the message is not tracked: its handler is called at once. No promise if there is nothing to wait for.
   */
  claim(run: TrackedRun): Promise<RunClaim> | RunClaim | undefined;
  /**
   * Called when it is known what is to happen to a message, before it happens: after a handler, after a refusal, and in a
   * drain that gives a run up. The disposition that it resolves with is carried out; `abandon` leaves the message to be
   * redelivered when its lease ends. Undefined if the disposition stands, and no promise if there is nothing to wait for.
   * Also called for messages that were not claimed. Not called for a message whose id cannot be read, for one that only waits for a worker that knows its type, for
   * the disposition of a claim, and for further tries of the move to the dead-letter queue. The wait ends at the drain
   * deadline and when the lease is lost.
   */
  concluding(run: TrackedRun, disposition: Disposition): Promise<Conclusion> | Conclusion | undefined;
  /** Called when the dead letter of a message is in the dead-letter queue. */
  buried(run: TrackedRun): void;
  /** Called when the lease of a message was extended, also before its claim and after its conclusion. */
  extended(run: TrackedRun): void;
  /**
   * Called when the lease of a message was lost, also before its claim. Nothing settles the message any more. A conclusion
   * under way has no further effect.
   */
  leaseLost(run: TrackedRun): void;
  /**
   * Called when a handler has ended whose lease was lost before, or that was given up. `disposition` is discarded. Also
   * called, with a release, if a claim was answered after the lease was lost or after the drain has released the message:
   * the handler is not called then.
   */
  late(run: TrackedRun, disposition: Disposition): void;
  /**
   * Pauses every receiver that has this tracker: for the time in which each of its messages would have to be released, since
   * the store cannot be reached. @default none
   */
  readonly pause?: PauseController | undefined;
}
