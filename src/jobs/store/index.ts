/**
 * The parts of the job system that a job store is made of: its interface, the rules for changes, and what a change means
 * for the rest of a store.
 *
 * @module
 */
export type { BirthAnswer, BirthChange, JobAnswer, JobChange } from "./change.ts";
export type { DataChange } from "./effect.ts";
export {
  type FinalStatus,
  isFinal,
  type JobData,
  type JobRow,
  type StoredJob,
  type StoredJobMessage,
} from "./job-row.ts";
export {
  type ChangePage,
  type DueJob,
  type JobCount,
  type JobPart,
  type JobStore,
  type JobStoreCapabilities,
  type ListPlace,
  type MigrationOutcome,
  MIN_KEPT_MS,
  type MinuteCount,
  type PageRequest,
  type PruneOutcome,
  type PrunePolicy,
  type StoredJobFilter,
  type StoredPage,
  type StoreHint,
  type TakeOptions,
  WORKER_GONE_MS,
  type WorkerRow,
} from "./job-store.ts";
export { MAX_AHEAD_MS, taken } from "./birth-rules.ts";
export { matches } from "./match.ts";
export { changedData, withSaved } from "./saved-data.ts";
export { transition } from "./transition.ts";
export { countedAs, hintsOf, keptMs } from "./written.ts";
