/**
 * Tools for the tests of an application: a clock that the test advances, a function that runs a worker until its queues
 * are empty, and a record of the jobs that were sent and run.
 *
 * @module
 */
export { FakeClock } from "./fake-clock.ts";
export { JobRecord, recordJobs, type RecordedJob, type RecordedSend } from "./record.ts";
export type { RecordedJobs } from "./status-history.ts";
export { runUntilIdle, type RunUntilIdleOptions } from "./run-until-idle.ts";
