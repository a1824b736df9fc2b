/**
 * Helpers for tests of code that uses jobs.
 *
 * @example
 * import { memoryJobStore } from "queueport/jobs";
 * import { faultyJobStore } from "queueport/jobs/testing";
 *
 * let isDown = false;
 * const store = faultyJobStore(memoryJobStore(), { before: () => (isDown ? "fail" : undefined) });
 *
 * @module
 */
export {
  type FaultyJobStoreOptions,
  faultyJobStore,
  type StoreCall,
  type StoreFault,
} from "./faulty-job-store.ts";
export { type PerformedJob, performJob, type PerformJobOptions } from "./perform-job.ts";
export type { PerformedProgress } from "./performing.ts";
