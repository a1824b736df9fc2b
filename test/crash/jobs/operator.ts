import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { siblingQueue } from "../../../src/driver/index.ts";
import type { JobsOptions } from "../../../src/jobs/index.ts";
import { seeded } from "../../support/seeded.ts";
import { type JobProcessConfig, jobTypes } from "./config.ts";
import type { JobProcessHost } from "./host.ts";
import { allJobs } from "./records.ts";
import type { JobCrashTrigger } from "./trigger.ts";
import { mendedFile } from "./worker.ts";

const PAUSE_MS = 100;
const LETTERS = 10;
/** Jobs that are mended at once. Many, since each redrive reads all dead letters. */
const MENDED = 1_000;
const OPEN = ["scheduled", "queued", "processing", "retrying"] as const;

/** Cancels jobs, and brings those that failed back: from their record, by a redrive, or as a console does. */
export async function operate(host: JobProcessHost): Promise<void> {
  const { config, jobs, signal } = host;
  if (config.archives === true) {
    await jobs.prune({ signal });
    return;
  }
  if (config.retries !== undefined) {
    for (const id of config.retries) await jobs.retry(id);
    return;
  }
  const random = seeded(config.seed + 3);
  while (!signal.aborted) {
    await patiently(() => cancelSome(host, random));
    await patiently(() => mend(host, random));
    await sleep(PAUSE_MS);
  }
}

/** The options of `Jobs` that archive each job, and delete it after an hour. */
export function archive(
  { directory }: JobProcessConfig,
  trigger: JobCrashTrigger,
): Pick<JobsOptions, "retention" | "archive"> {
  return {
    retention: { completed: "1h", failed: "1h", cancelled: "1h" },
    archive: (found) => {
      appendFileSync(join(directory, "archive.log"), found.map(({ id }) => `${id}\n`).join(""));
      trigger.pass("archived");
      return Promise.resolve();
    },
  };
}

/** An answer of the store may be lost; an operator then tries again. */
async function patiently(act: () => Promise<unknown>): Promise<void> {
  await act().catch(() => undefined);
}

async function cancelSome({ jobs, log }: JobProcessHost, random: () => number): Promise<void> {
  const { jobs: open } = await jobs.list({ status: OPEN, limit: 20 });
  for (const { id } of open.filter(() => random() < 0.1)) {
    log.write({ kind: "cancelling", id });
    const outcome = await jobs.cancel(id);
    log.write({ kind: "cancelled", id, outcome });
  }
}

async function mend(host: JobProcessHost, random: () => number): Promise<void> {
  const { jobs, queue, config } = host;
  const failed = await allJobs(jobs, { status: "failed", type: jobTypes.broken }, MENDED);
  const redriven: string[] = [];
  for (const { id } of failed) {
    writeFileSync(mendedFile(config.directory, id), "");
    if (random() < 0.5) await jobs.retry(id).catch(() => undefined);
    else redriven.push(id);
  }
  if (redriven.length === 0) return;
  if (config.adapter.name === "directory" && random() < 0.5) await moveAsIs(host);
  else await queue.deadLetters(config.queue).redrive({ ids: redriven });
}

/** Moves dead letters as the console of a cloud does: body and attributes stay as they are. */
async function moveAsIs({ driver, config, trigger, signal }: JobProcessHost): Promise<void> {
  const source = driver.open(siblingQueue(config.queue, "-dlq"), { prefetch: LETTERS, leaseMs: 5_000 });
  try {
    const letters = await source.next(LETTERS, AbortSignal.any([signal, AbortSignal.timeout(1_000)]));
    if (letters.length === 0) return;
    const copies = letters.map(({ body, attributes }) => ({ body, attributes, delayMs: 0 }));
    await driver.send(config.queue, copies, AbortSignal.timeout(5_000));
    trigger.pass("moved");
    await source.settle(letters.map((delivery) => ({ kind: "ack", delivery })));
  } finally {
    await source.stop();
    await source.close();
  }
}
