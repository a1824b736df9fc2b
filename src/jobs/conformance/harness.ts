import type { JobStore } from "../store/job-store.ts";

/** The clock of a store. Only the suite moves it. `FakeClock` of `queueport/testing` is one. */
export interface StoreClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Moves the clock on. */
  advance(ms: number): Promise<void> | void;
}

/** A transaction of an application. */
export interface StoreTransaction {
  /** The client or the database object, as the application gives it to a send. */
  readonly handle: object;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
}

/**
 * Access to one job store. It is everything that the suite knows of it.
 *
 * @example
 * const clock = new FakeClock();
 * export const harness: JobStoreHarness = {
 *   name: "sqlite",
 *   clock,
 *   open: () => sqliteJobStore({ path, clock }),
 *   close: () => rm(path),
 * };
 */
export interface JobStoreHarness {
  /** Name of the store in reports. */
  readonly name: string;
  /** The clock of the store: the times in its records come from it. */
  readonly clock: StoreClock;
  /**
   * Opens the store. Each call returns another instance, which acts as another process. If the store is `shared` or
   * `durable`, all instances have the same records.
   */
  open(): Promise<JobStore> | JobStore;
  /**
   * Begins a transaction in the database of the store, as an application does. Needed if the store is `transactional`.
   */
  beginTransaction?(): Promise<StoreTransaction>;
  /** Releases what the harness holds. The suite calls it once, after the last case. */
  close?(): Promise<void> | void;
}

/** A harness, or a function that starts one. */
export type JobStoreHarnessSource = JobStoreHarness | (() => JobStoreHarness | Promise<JobStoreHarness>);
