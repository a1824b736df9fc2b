import { mkdtemp, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { memory } from "../../../adapters/memory/index.ts";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs } from "../../../src/jobs/index.ts";
import { allJobs } from "./records.ts";

/** The course of a job store that was locked under load. */
export interface LockedReport {
  readonly jobs: number;
  /** Runs that failed. */
  readonly failed: number;
  /** Runs a second before the lock, and while it was held. */
  readonly usual: number;
  readonly meanwhile: number;
  /** Jobs of which no record, or no completion, is there 10 s after the lock was released. */
  readonly wrong: number;
}

const QUEUE = "jobs";
const EVERY_MS = 10;
const AT_ONCE = 2;
const USUAL_MS = 10_000;
const AFTER_MS = 10_000;

/** Locks the file of a job store for a time, as a backup or another program may do, while jobs are sent and run. */
export async function lockStore(lockedMs: number): Promise<LockedReport> {
  const directory = await mkdtemp(join(tmpdir(), "queueport-locked-"));
  const path = join(directory, "jobs.db");
  const queue = createQueue(memory());
  const store = sqliteJobStore({ path });
  const jobs = await createJobs(queue, { store, migrate: true, onWarning: () => undefined });
  const worker = jobs.worker({ concurrency: 20 });
  let runs = 0;
  let failed = 0;
  worker.on("failed", () => (failed += 1));
  worker.register("work", async () => {
    runs += 1;
    await sleep(5);
  });
  const sent: Promise<{ readonly id: string }>[] = [];
  const load = async (ms: number): Promise<number> => {
    const [before, startedAt] = [runs, performance.now()];
    while (performance.now() - startedAt < ms) {
      for (let count = 0; count < AT_ONCE; count += 1)
        sent.push(jobs.send({ type: "work", payload: null }, { queue: QUEUE }));
      await sleep(EVERY_MS);
    }
    return ((runs - before) / (performance.now() - startedAt)) * 1_000;
  };
  try {
    await worker.start(QUEUE);
    const usual = await load(USUAL_MS);
    const locking = new DatabaseSync(path, { timeout: 5_000 });
    locking.exec("BEGIN EXCLUSIVE");
    const meanwhile = await load(lockedMs);
    locking.exec("ROLLBACK");
    locking.close();
    await sleep(AFTER_MS);
    const ids = (await Promise.all(sent)).map(({ id }) => id);
    const completed = new Set((await allJobs(jobs, { status: "completed" })).map(({ id }) => id));
    const wrong = ids.filter((id) => !completed.has(id)).length;
    return { jobs: ids.length, failed, usual: Math.round(usual), meanwhile: Math.round(meanwhile), wrong };
  } finally {
    await jobs.close();
    await queue.close();
    await store.close();
    await rm(directory, { recursive: true });
  }
}
