import type { BackoffOptions } from "../backoff.ts";
import type { PauseController } from "../lib/pause.ts";
import type { Message } from "../message/message.ts";
import type { Disposition } from "./disposition.ts";
import type { Queue, ReceiveContext, ReceiveOptions } from "./queue.ts";

/** Decides the disposition of a message from how its handler ended. `at` is in epoch milliseconds. Asked once. */
export interface Decider {
  returned(value: unknown, at: number): Disposition;
  threw(error: unknown, at: number): Disposition;
}

/** One run of a handler, as a worker sees it. */
export interface ManagedRun extends ReceiveContext {
  /** When the handler was called, in epoch milliseconds. */
  readonly startedAt: number;
  /** The disposition of a run that failed with `error`. `backoff` overrides the queue's; the message's own overrides both. */
  failure(error: unknown, backoff?: BackoffOptions): Disposition;
  /** Settles the message now. The handler keeps its slot until it ends, and its result is discarded. */
  giveUp(disposition: Disposition): void;
  /** Hands the decision over the end of the handler to `decider`. */
  decidedBy(decider: Decider): void;
  /** Aborts the signal of this run alone. */
  abort(reason: Error): void;
}

/** Handles one message for a worker. The decider, if there is one, interprets what it returns. */
export type ManagedHandler = (message: Message, run: ManagedRun) => unknown;

/** Options of a worker beyond those of {@link Queue.receive}. */
export interface ManagedReceiveOptions extends ReceiveOptions {
  /**
   * Maximum concurrent handlers for a job type. `undefined` means that only `concurrency` applies. If this function
   * throws, the type is limited to 1 and a `concurrency_of` warning is emitted once.
   */
  readonly concurrencyOf?: ((type: string) => number | undefined) | undefined;
  /** While it is paused, nothing new is received. */
  readonly pause?: PauseController | undefined;
  /** Called once, when the first poll is under way. */
  readonly onPolling?: (() => void) | undefined;
}

/** A queue that a worker can receive from. Not part of the public API: applications call {@link Queue.receive}. */
export interface ManagedQueue extends Queue {
  receiveManaged(queue: string, handler: ManagedHandler, options: ManagedReceiveOptions): Promise<void>;
}
