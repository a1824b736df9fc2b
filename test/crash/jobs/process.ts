/** One process of a crash campaign with recorded jobs. Its argument is its configuration, as JSON. */
import { flushCompileCache } from "node:module";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs } from "../../../src/jobs/index.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { openAdapter } from "../adapters.ts";
import { EventLog } from "../event-log.ts";
import { type JobProcessConfig, logFileIn } from "./config.ts";
import { crashStore } from "./store.ts";
import { crashingJobDriver } from "./crashing-job-driver.ts";
import { crashingJobStore } from "./crashing-job-store.ts";
import { hold } from "./holder.ts";
import type { JobLogEvent } from "./job-log.ts";
import { archive, operate } from "./operator.ts";
import { sendJobs } from "./sender.ts";
import { JobCrashTrigger } from "./trigger.ts";
import { work } from "./worker.ts";

const TWO_HOURS_MS = 7_200_000;

// Now, since a killed process does not come to it at its end.
flushCompileCache();
const config = JSON.parse(process.argv[2] ?? "") as JobProcessConfig;
const log = new EventLog<JobLogEvent>(logFileIn(config.directory));
const trigger = new JobCrashTrigger(config, log);
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());

const adapter = await openAdapter(config.adapter);
const driver = crashingJobDriver(adapter, trigger, log, config);
const queue = createQueue(driver);
// Every job of the campaign is older than an hour for a process that archives.
const clock = config.archives === true ? { ...systemClock, now: () => Date.now() + TWO_HOURS_MS } : undefined;
const store = crashingJobStore(crashStore(config, clock), {
  ...config,
  trigger,
  log,
});
const jobs = await createJobs(queue, {
  store,
  namespace: config.namespace,
  onWarning: () => undefined,
  ...(config.archives === true ? archive(config, trigger) : {}),
});
const host = { config, jobs, queue, driver, trigger, log, signal: stop.signal };
// A worker refuses a signal that has aborted before: this process was stopped while it started.
if (!stop.signal.aborted) await play();
await jobs.close();
await queue.close();
await store.close();
log.close();

function play(): Promise<void> {
  if (config.role === "sender") return sendJobs(host);
  if (config.role === "holder") return hold(host);
  return config.role === "worker" ? work(host, () => stop.abort()) : operate(host);
}
