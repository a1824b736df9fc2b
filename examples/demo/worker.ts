import { setTimeout as sleep } from "node:timers/promises";
import { PermanentError, type Queue, RetryAfterError, Worker } from "../../src/index.ts";
import { generateReport, sendOnboardingTips, sendWelcomeEmail } from "./jobs.ts";

/**
 * The worker. Its handlers sleep instead of real work; `speed` divides the time that they sleep. A handler that throws
 * is run again after a backoff, unless it throws `PermanentError`.
 */
export function createWorker(queue: Queue, speed: number): Worker {
  const worker = new Worker(queue, { concurrency: 6 });
  const work = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms / speed, undefined, { signal });

  worker.register(sendWelcomeEmail, async ({ payload }, { attempt, signal }) => {
    await work(150, signal);
    if (attempt === 1 && isUnlucky(payload.userId)) throw new Error("421 server busy");
  });

  worker.register(sendOnboardingTips, async ({ payload }, { attempt, signal }) => {
    if (attempt === 1 && isUnlucky(payload.userId)) throw new RetryAfterError(500, "450 greylisted");
    await work(150, signal);
  });

  worker.register(
    generateReport,
    async ({ payload: { userId, pages } }, job) => {
      for (let page = 1; page <= pages; page += 1) {
        await work(200, job.signal);
        if (page === 4 && userId === "user-2") throw new PermanentError("account closed");
        if (page === 7 && userId === "user-4" && job.attempt === 1) throw new Error("database gone");
        job.progress((100 * page) / pages, `page ${page} of ${pages}`);
      }
    },
    { concurrency: 3 },
  );

  return worker;
}

/** Whether mails to this user fail on the first attempt. */
function isUnlucky(userId: string): boolean {
  return Number(userId.replace("user-", "")) % 5 === 1;
}
