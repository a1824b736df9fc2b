import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PermanentError, RetryAfterError } from "../../../src/errors.ts";
import type { TrackedContext } from "../../../src/jobs/index.ts";
import type { Message } from "../../../src/message/message.ts";
import { seeded } from "../../support/seeded.ts";
import { die } from "../die.ts";
import { jobTypes } from "./config.ts";
import type { JobProcessHost } from "./host.ts";

const MAX_WORK_MS = 8;
const RETRY_MS = 20;
/** Jobs that a worker begins before its drain, if it crashes in its drain. */
const JOBS_BEFORE_DRAIN = 20;

/** Works off the jobs until SIGTERM, or until its crash point. */
export async function work(host: JobProcessHost, stop: () => void): Promise<void> {
  const { config, jobs, trigger, log, signal } = host;
  const { concurrency, leaseMs, crash, seed } = config;
  const random = seeded(seed + 1);
  let begun = 0;

  async function handle(message: Message<{ readonly key: number }>, job: TrackedContext): Promise<void> {
    const { id, type, payload } = message;
    const { key } = payload;
    const fence = job.isTracked ? job.fence : undefined;
    const run = { key, id, process: process.pid };
    log.write({ kind: "began", ...run, attempt: job.attempt, fence, at: Date.now() });
    begun += 1;
    if (crash === "drained" && begun >= JOBS_BEFORE_DRAIN) {
      stop();
      // Ignores its signal.
      await new Promise(() => undefined);
    }
    job.progress(50, "half");
    await sleep(random() * MAX_WORK_MS);
    trigger.pass("mid_handler");
    if (type === jobTypes.failing) throw new PermanentError("this job always fails");
    if (type === jobTypes.broken && !existsSync(mendedFile(config.directory, id)))
      throw new PermanentError("this job is broken");
    if (type === jobTypes.flaky && job.attempt < 3) throw new RetryAfterError(RETRY_MS);
    log.write({ kind: "handled", ...run });
  }

  const worker = jobs.worker({ concurrency, leaseMs, drainMs: 1_000, graceMs: 200 });
  for (const type of Object.values(jobTypes)) worker.register(type, handle);
  const queues = [config.queue, config.otherQueue].filter((queue) => queue !== undefined);
  if (crash !== "drained") return worker.run(queues, { signal });
  // The drain ends with an error, as a handler does not end.
  await worker.run(queues, { signal }).catch(() => undefined);
  log.write({ kind: "killed", point: "drained", process: process.pid, at: Date.now() });
  die();
}

/** The file whose presence means that a broken job has been mended. */
export function mendedFile(directory: string, id: string): string {
  return join(directory, "mended", id);
}
