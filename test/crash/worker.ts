/** One worker process of the crash harness; its configuration is its argument, as JSON. */
import { setTimeout as sleep } from "node:timers/promises";
import { createQueue } from "../../src/client/create-queue.ts";
import { PermanentError, RetryAfterError } from "../../src/errors.ts";
import type { Message } from "../../src/message/message.ts";
import { Worker } from "../../src/worker/worker.ts";
import { seeded } from "../support/seeded.ts";
import { openAdapter, openDelayStore } from "./adapters.ts";
import { jobTypes, type WorkerConfig } from "./config.ts";
import { Doom, doomedDriver } from "./doomed-driver.ts";
import { doomedStore } from "./doomed-store.ts";
import { RunLog } from "./run-log.ts";

const MOST_WORK_MS = 8;
const RETRY_MS = 20;
/** Jobs that one begins which is to die in its drain. */
const BEFORE_DRAIN = 20;

const config = JSON.parse(process.argv[2] ?? "") as WorkerConfig;
const { concurrency, leaseMs, dies } = config;
const log = new RunLog(config.log);
const doom = new Doom(dies, log);
const delayStore = openDelayStore(config.adapter);
const queue = createQueue(doomedDriver(openAdapter(config.adapter), doom, config), {
  delayStore: delayStore === undefined ? undefined : doomedStore(delayStore, doom),
});
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const random = seeded((dies?.seed ?? 0) + 1);
let begun = 0;

async function work({ id, type }: Message, attempt: number): Promise<void> {
  log.write({ kind: "began", id, attempt });
  begun += 1;
  if (dies?.at === "while_draining" && begun === BEFORE_DRAIN) stop.abort();
  await sleep(random() * MOST_WORK_MS);
  doom.pass("mid_handler");
  if (type === jobTypes.doomed) throw new PermanentError("this job always fails");
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
