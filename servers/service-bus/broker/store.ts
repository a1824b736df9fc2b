import type { QueueSettings } from "../options.ts";
import type { BrokerMessage, SetProperties } from "./message.ts";
import type { Timers } from "./timers.ts";

/** Receives every change of a namespace before the request that caused the change is answered. */
export interface Store {
  define(settings: QueueSettings): void;
  undefine(name: string): void;
  /** Stores a message that is new in its entity. */
  put(path: string, message: BrokerMessage): void;
  /** Stores the lock, delivery count, state and properties of a message after one of them has changed. */
  update(path: string, message: BrokerMessage): void;
  remove(path: string, sequence: number): void;
  /** Stores that a message id was seen, for duplicate detection. `at` is in epoch milliseconds. */
  seen(path: string, messageId: string, at: number): void;
  session(path: string, id: string, state: Buffer | undefined): void;
}

/** A store that keeps nothing: the namespace exists in memory only. */
export const noStore: Store = {
  define() {},
  undefine() {},
  put() {},
  update() {},
  remove() {},
  seen() {},
  session() {},
};

/** Shared by all entities of a namespace. */
export interface EntityContext {
  readonly timers: Timers;
  readonly store: Store;
  readonly setProperties: SetProperties;
}

/**
 * Runs `work` and ignores what it throws, for steps that must finish although the store has failed (a full disk).
 * The state in memory is correct after the failure. The state on disk is the one before the change.
 */
export function ignoreStoreError(work: () => void): void {
  try {
    work();
  } catch {
    // See above.
  }
}
