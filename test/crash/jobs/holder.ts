import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { jobTypes } from "./config.ts";
import type { JobProcessHost } from "./host.ts";

const LOOK_MS = 50;

/** Holds jobs: its handlers ignore their signals, and return when the campaign lets them. */
export async function hold({ config, jobs, log, signal }: JobProcessHost): Promise<void> {
  const { concurrency, leaseMs, directory, queue } = config;
  const worker = jobs.worker({ concurrency, leaseMs, drainMs: 5_000 });
  let released: Promise<void> | undefined;
  worker.register<{ readonly key: number }>(jobTypes.plain, async ({ id, payload: { key } }, job) => {
    const run = { key, id, process: process.pid };
    const fence = job.isTracked ? job.fence : undefined;
    log.write({ kind: "began", ...run, attempt: job.attempt, fence, at: Date.now() });
    released ??= untilReleased(directory);
    await released;
    log.write({ kind: "handled", ...run });
  });
  await worker.run(queue, { signal });
}

/** The file whose presence lets the handlers of a process return. */
export function releaseFile(directory: string, pid: number): string {
  return join(directory, `release-${pid}`);
}

async function untilReleased(directory: string): Promise<void> {
  while (!existsSync(releaseFile(directory, process.pid))) await sleep(LOOK_MS);
}
