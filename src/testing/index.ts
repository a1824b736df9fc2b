/**
 * For users' tests: time that is turned by hand, a worker that runs until nothing is left, and a record of what happened.
 * @module
 */
export { FakeClock } from "./fake-clock.ts";
export { JobRecord, recordJobs, type RecordedJob, type RecordedSend } from "./record.ts";
export { runUntilIdle, type RunUntilIdleOptions } from "./run-until-idle.ts";
