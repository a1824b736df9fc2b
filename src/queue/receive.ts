import type { BackoffOptions } from "../backoff.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import type { Duration } from "../lib/duration.ts";
import type { Message } from "../message/message.ts";
import type { Disposition } from "./disposition.ts";

/** The context of one run of a {@link Handler}. */
export interface ReceiveContext {
  /** The logical queue name. */
  readonly queue: string;
  /** The number of the attempt: 1 on the first run. It may be above the number of actual runs, but never below it. */
  readonly attempt: number;
  /**
   * The time at which a worker first found no handler for the type, in epoch milliseconds; undefined if every worker so
   * far had one.
   */
  readonly unknownSince: number | undefined;
  /**
   * Aborts at the drain deadline and when the lease is lost. `signal.reason` is a `QueueError` with the code
   * `draining` or `lease_lost`.
   */
  readonly signal: AbortSignal;
  /**
   * Extends the lease now. The lease is also extended automatically while the handler runs.
   *
   * @throws QueueError `lease_lost` when another receiver may have the message; `unavailable`, `auth` or `provider`
   * when the provider does not confirm the extension
   */
  readonly extend: () => Promise<void>;
}

/**
 * Handles one message. The message is acknowledged when the handler returns, and retried with the queue's backoff when
 * it throws. A returned {@link Disposition} overrides the acknowledgement.
 */
export type Handler = (
  message: Message,
  context: ReceiveContext,
) => Promise<Disposition | void> | Disposition | void;

/** The options of `Queue.receive`. A number as a duration is in milliseconds. */
export interface ReceiveOptions {
  /** Ends the receiver: it requests no more messages, and drains. @default none; `Queue.close` ends the receiver */
  readonly signal?: AbortSignal | undefined;
  /** Maximum number of handlers that run at once. @default 10 */
  readonly concurrency?: number | undefined;
  /** The lease of a message. Ignored if the queue has a fixed lease. @default 30000 */
  readonly leaseMs?: Duration | undefined;
  /** Interval at which a lease is extended; at most half of `leaseMs`. @default 10000, or a third of `leaseMs` if less */
  readonly extendEveryMs?: Duration | undefined;
  /** Overrides parts of the queue's backoff. @default the queue's backoff */
  readonly backoff?: BackoffOptions | undefined;
  /** Time from the abort of `signal` to the abort of the running handlers' signals. @default 20000 */
  readonly drainMs?: Duration | undefined;
  /** Time from the abort of the handlers' signals to the release of their messages. @default 5000 */
  readonly graceMs?: Duration | undefined;
  /**
   * The largest `maxAttempts` that senders use. A warning is emitted if the broker would dead-letter a message before it
   * has had so many attempts.
   * @default 5
   */
  readonly maxAttempts?: number | undefined;
  /**
   * Whether to receive from a queue that does not count deliveries. On such a queue, attempts are not counted,
   * and messages that kill their process are not detected.
   * @default false
   */
  readonly allowUncounted?: boolean | undefined;
  /**
   * Called with every event of this receiver. If it throws, or its promise rejects, the error is reported as a `warning`
   * with the code `listener`, and no job is affected.
   * @default none
   */
  readonly onEvent?: ((event: JobEvent | ReceiveEvent) => void) | undefined;
}
