/** One worker process of a crash campaign. Its argument is its configuration, as JSON. */
import { flushCompileCache } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { createQueue } from "../../src/client/create-queue.ts";
import { PermanentError, RetryAfterError } from "../../src/errors.ts";
import type { Message } from "../../src/message/message.ts";
import { Worker } from "../../src/worker/worker.ts";
import { seeded } from "../support/seeded.ts";
import { openAdapter, openDelayStore } from "./adapters.ts";
import { jobTypes, type WorkerConfig } from "./config.ts";
import { CrashTrigger } from "./crash-trigger.ts";
import { crashingDriver } from "./crashing-driver.ts";
import { crashingStore } from "./crashing-store.ts";
import { EventLog } from "./event-log.ts";
import type { RunEvent } from "./run-log.ts";

const MAX_WORK_MS = 8;
const RETRY_MS = 20;
/** Number of jobs that a worker begins before its drain, if it crashes in its drain. */
const JOBS_BEFORE_DRAIN = 20;

// Now, since a killed process does not come to it at its end.
flushCompileCache();
const config = JSON.parse(process.argv[2] ?? "") as WorkerConfig;
const { concurrency, leaseMs, crash } = config;
const log = new EventLog<RunEvent>(config.log);
const trigger = new CrashTrigger(crash, log);
const delayStore = openDelayStore(config.adapter);
const queue = createQueue(crashingDriver(await openAdapter(config.adapter), trigger, config), {
  delayStore: delayStore === undefined ? undefined : crashingStore(delayStore, trigger),
});
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const random = seeded((crash?.seed ?? 0) + 1);
let begun = 0;

async function work({ id, type }: Message, attempt: number): Promise<void> {
  log.write({ kind: "began", id, attempt });
  begun += 1;
  if (crash?.at === "while_draining" && begun === JOBS_BEFORE_DRAIN) stop.abort();
  await sleep(random() * MAX_WORK_MS);
  trigger.pass("mid_handler");
  if (type === jobTypes.failing) throw new PermanentError("this job always fails");
  if (type === jobTypes.flaky && attempt < 3) throw new RetryAfterError(RETRY_MS);
  log.write({ kind: "completed", id, attempt });
}

const worker = new Worker(queue, { concurrency, leaseMs, drainMs: 2_000, graceMs: 200 });
for (const type of Object.values(jobTypes)) {
  worker.register(type, (message, { attempt }) => work(message, attempt));
}
await worker.run(config.queue, { signal: stop.signal });
await queue.close();
log.close();
