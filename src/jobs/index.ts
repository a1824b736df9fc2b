/**
 * Jobs that can be seen, steered and trusted, over any queue: a store remembers what the queue carries.
 * @module
 */
export { createJobs } from "./create-jobs.ts";
export type {
  Archive,
  CancelOptions,
  CancelOutcome,
  EventOptions,
  JobFilter,
  JobHandle,
  JobInclude,
  JobPage,
  Jobs,
  JobSendOptions,
  JobSendOutcome,
  JobsHealth,
  JobsOptions,
  ListJobsOptions,
  PruneOptions,
  ReconcileOptions,
  ResultOptions,
  Retention,
  SentJobHandle,
} from "./jobs.ts";
export type { JobsEvent } from "./events/jobs-event.ts";
export { type JobRecordJson, recordOf } from "./job-record.ts";
export type { JobSnapshot } from "./job-snapshot.ts";
export type { JobsWorker, JobsWorkerOptions, TrackedHandler } from "./jobs-worker.ts";
export type { Json } from "./json.ts";
export { ndjsonGz } from "./keep/ndjson-gz.ts";
export type { StatusWord } from "./read/status-words.ts";
export type { IterateOptions, TrackedContext } from "./tracked-context.ts";
export { type MemoryJobStoreOptions, memoryJobStore } from "./store/memory-job-store.ts";
export type * from "./store/job-store.ts";
export type { FailedAttempt, JobError, JobLogLine, JobStatus, Priority } from "./store/job-row.ts";
export { jobStatuses, priorities } from "./store/job-row.ts";
