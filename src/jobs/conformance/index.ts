/**
 * The conformance suite for job stores: everything that a store must do, as cases that any test runner can run.
 *
 * Bindings for test runners are `queueport/jobs/conformance/vitest` and `queueport/jobs/conformance/node-test`.
 * @module
 */
export type { JobStoreCase } from "./case.ts";
export { jobStoreCases } from "./cases/index.ts";
export {
  type JobStoreCaseResult,
  JobStoreConformanceRun,
  type JobStoreSummary,
  type RandomOptions,
} from "./conformance-run.ts";
export type { JobStoreHarness, JobStoreHarnessSource, StoreClock, StoreTransaction } from "./harness.ts";
export { type JobStoreRunOptions, runJobStoreConformance } from "./run.ts";
