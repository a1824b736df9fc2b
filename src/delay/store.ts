import type { Attributes, Body } from "../driver/contract.ts";

/** One delayed message in a delay store. */
export interface StoredMessage {
  /** Identifies this message in the store. */
  readonly key: string;
  /** The logical name of the queue to which the message is sent when it is due. */
  readonly queue: string;
  /** The time at which the message is due, in epoch milliseconds. */
  readonly dueAt: number;
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey?: string | undefined;
  readonly dedupId?: string | undefined;
}

/** The options of {@link DelayStore.claimDue}. */
export interface ClaimOptions {
  /** The present time, in epoch milliseconds. */
  readonly now: number;
  /** Milliseconds for which nobody else can claim the messages. After that, any process can. */
  readonly claimMs: number;
  /** Maximum number of messages to claim. */
  readonly limit: number;
}

/**
 * A place outside the provider where delayed messages wait. Messages in it can be listed and cancelled on every
 * provider.
 *
 * Calls may overlap, and several processes may use one store. A message that is due is claimed, sent and then removed
 * with {@link done}. If a process dies in between, its claim ends, and another process sends the message again with the
 * same broker-side id. The core stops waiting for `claimDue`, `nextAt` and `done` after 10 s, and for `put` at the
 * deadline of the send.
 */
export interface DelayStore {
  /**
   * Whether other processes may add messages. The core then looks for due messages every second. If false, it looks
   * when the next message is due, and at least every minute.
   * @default true
   */
  readonly shared?: boolean | undefined;
  /** Adds a message. Resolves when the message would survive a crash of the machine. The send succeeds then. */
  put(message: StoredMessage): Promise<void>;
  /** Claims messages of a queue that are due and not claimed, in the order in which they were due. */
  claimDue(queue: string, options: ClaimOptions): Promise<StoredMessage[]>;
  /** Removes messages that were sent. A missing key is no error. */
  done(keys: readonly string[]): Promise<void>;
  /**
   * Removes a message that was never claimed. Resolves false if the message is missing, or was claimed and may have
   * been sent.
   */
  cancel(key: string): Promise<boolean>;
  /** Returns up to `limit` messages of a queue, in the order in which they are due. */
  list(queue: string, limit: number): Promise<StoredMessage[]>;
  /** Counts the messages of a queue. */
  count(queue: string): Promise<number>;
  /**
   * Returns the time from which the next message of a queue can be claimed, in epoch milliseconds; undefined if there
   * is none.
   */
  nextAt(queue: string): Promise<number | undefined>;
  /** Removes all messages of a queue. */
  drop(queue: string): Promise<void>;
  /** Frees the resources of the store. Idempotent. */
  close(): Promise<void>;
}
