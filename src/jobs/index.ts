/**
 * Jobs that can be seen, steered and trusted, over any queue: a store remembers what the queue carries.
 * @module
 */
export { createJobs } from "./create-jobs.ts";
export type { EventOptions } from "./events/event-stream.ts";
export type { JobsEvent } from "./events/jobs-event.ts";
export type { CancelOutcome, JobHandle, JobSendOutcome, ResultOptions, SentJobHandle } from "./job-handle.ts";
export { type JobRecordJson, recordOf } from "./job-record.ts";
export type { JobSnapshot } from "./job-snapshot.ts";
export type { Archive, JobsOptions, Retention } from "./jobs-options.ts";
export type { JobsWorker, JobsWorkerOptions, TrackedHandler } from "./jobs-worker.ts";
export type { Jobs } from "./jobs.ts";
export type { Json } from "./json.ts";
export { ndjsonGz } from "./keep/ndjson-gz.ts";
export type { PruneOptions } from "./keep/prune.ts";
export type { ReconcileOptions } from "./keep/reconcile.ts";
export type { JobsHealth } from "./observe/health.ts";
export type { JobFilter } from "./read/filter.ts";
export type { JobInclude } from "./read/get.ts";
export type { JobPage, ListJobsOptions } from "./read/list.ts";
export type { StatusWord } from "./read/status-words.ts";
export type { JobSendOptions } from "./send/send-options.ts";
export type { CancelOptions } from "./steer/steering.ts";
export type { FailedAttempt, JobError, JobLogLine, JobStatus, Priority } from "./store/job-row.ts";
export { jobStatuses, priorities } from "./store/job-row.ts";
export type * from "./store/job-store.ts";
export { type MemoryJobStoreOptions, memoryJobStore } from "./store/memory-job-store.ts";
export type { IterateOptions, TrackedContext } from "./tracked-context.ts";
