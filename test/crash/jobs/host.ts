import type { Driver } from "../../../src/driver/index.ts";
import type { Jobs } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import type { JobProcessConfig } from "./config.ts";
import type { JobLog } from "./job-log.ts";
import type { JobCrashTrigger } from "./trigger.ts";

/** The parts of one process of a campaign. */
export interface JobProcessHost {
  readonly config: JobProcessConfig;
  readonly jobs: Jobs;
  readonly queue: Queue;
  readonly driver: Driver;
  readonly trigger: JobCrashTrigger;
  readonly log: JobLog;
  /** Aborts at SIGTERM. */
  readonly signal: AbortSignal;
}
