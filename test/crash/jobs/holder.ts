import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PermanentError, RetryAfterError } from "../../../src/errors.ts";
import { jobTypes, RELAPSE_MS } from "./config.ts";
import type { JobProcessHost } from "./host.ts";
import { mendedFile } from "./worker.ts";

const LOOK_MS = 50;

/** Holds jobs: its handlers ignore their signals, and return when a test lets them. */
export async function hold({ config, jobs, log, signal }: JobProcessHost): Promise<void> {
  const { concurrency, leaseMs, directory, queue } = config;
  const worker = jobs.worker({ concurrency, leaseMs, drainMs: 5_000 });
  for (const type of [jobTypes.plain, jobTypes.broken, jobTypes.relapsing])
    worker.register<{ readonly key: number }>(type, async ({ id, payload: { key } }, job) => {
      const run = { key, id, process: process.pid };
      const fence = job.isTracked ? job.fence : undefined;
      log.write({ kind: "began", ...run, attempt: job.attempt, fence, at: Date.now() });
      job.signal.addEventListener("abort", () => log.write({ kind: "aborted", id, process: process.pid }));
      await untilReleased(directory, id);
      if (type !== jobTypes.plain && !existsSync(mendedFile(directory, id)))
        throw new PermanentError("this job is broken");
      if (type === jobTypes.relapsing && job.attempt === 1) throw new RetryAfterError(RELAPSE_MS);
      log.write({ kind: "handled", ...run });
    });
  await worker.run(queue, { signal });
}

/** The file whose presence lets the handlers of a process return: all of them, or that of one job. */
export function releaseFile(directory: string, pid: number, id?: string): string {
  return join(directory, id === undefined ? `release-${pid}` : `release-${pid}-${id}`);
}

async function untilReleased(directory: string, id: string): Promise<void> {
  const files = [releaseFile(directory, process.pid), releaseFile(directory, process.pid, id)];
  while (!files.some((file) => existsSync(file))) await sleep(LOOK_MS);
}
