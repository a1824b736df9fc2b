import type { Attributes, Body } from "../driver/contract.ts";

/** One delayed message, as a store keeps it. */
export interface StoredMessage {
  /** Of this entry, and of no other. */
  readonly key: string;
  /** The queue that it goes to when it is due. */
  readonly queue: string;
  /** In epoch milliseconds. */
  readonly dueAt: number;
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey?: string | undefined;
  readonly dedupId?: string | undefined;
}

/** How messages that are due are claimed. */
export interface ClaimOptions {
  readonly now: number;
  /** Nobody else gets them for so long; after that, whoever asks. */
  readonly claimMs: number;
  readonly limit: number;
}

/**
 * A place where delayed messages wait, instead of in the provider's queues: a message in it can be listed, and
 * cancelled, whatever the provider. Calls may overlap, and several processes may use one store at once.
 */
export interface DelayStore {
  /**
   * Whether other processes may put messages into it: it is then asked every second for what is due. Where not, it
   * is asked when the next is due, and every minute.
   * @default true
   */
  readonly shared?: boolean | undefined;
  /** Resolves once the message outlives the process and the machine: it is then accepted. */
  put(message: StoredMessage): Promise<void>;
  /** Claims messages of this queue that are due and not claimed, those that were due first first. */
  claimDue(queue: string, options: ClaimOptions): Promise<StoredMessage[]>;
  /** Removes what was sent on. A key that is not there is no error. */
  done(keys: readonly string[]): Promise<void>;
  /** Removes one that was never claimed. False where it was, since it may have been sent then, or is not there. */
  cancel(key: string): Promise<boolean>;
  /** Those of this queue, by when they are due; at most `limit`. */
  list(queue: string, limit: number): Promise<StoredMessage[]>;
  count(queue: string): Promise<number>;
  /** When the next one can be claimed, in epoch milliseconds; undefined where there is none. */
  nextAt(queue: string): Promise<number | undefined>;
  /** Removes all of this queue. */
  drop(queue: string): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}
