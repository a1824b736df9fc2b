import { setTimeout as sleep } from "node:timers/promises";
import type { Jobs, JobsWorker } from "../../src/jobs/index.ts";
import { PermanentError } from "../../src/index.ts";
import { email, imageProcessing, reportGeneration } from "./jobs.ts";

const LONG_MS = 1_500;

/** Creates the worker. Each stage of a job takes `stageMs`. */
export function createWorker(jobs: Jobs, stageMs: number): JobsWorker {
  const worker = jobs.worker({ concurrency: 5 });
  // The client shows failures. A worker to which nobody listens would warn of the first.
  worker.on("failed", () => {});

  worker.register(email, async ({ payload }, { progress, attempt, signal }) => {
    progress(25, "Connecting to SMTP...");
    await sleep(stageMs, undefined, { signal });
    // The mailbox does not exist: another try would not help.
    if (payload.to.endsWith("@nowhere.example")) throw new PermanentError(`no mailbox ${payload.to}`);
    // A fault that is gone the next time.
    if (payload.to.startsWith("busy@") && attempt === 1) throw new Error("421 try again later");
    progress(75, "Sending email...");
    await sleep(stageMs, undefined, { signal });
    return { accepted: true };
  });

  worker.register(imageProcessing, async ({ payload }, { iterate, signal }) => {
    const { operations, output_path } = payload;
    await iterate(operations, {
      key: "operations",
      total: operations.length,
      each: () => sleep(stageMs, undefined, { signal }),
    });
    return { output_path };
  });

  worker.register(reportGeneration, async ({ payload }, { step, progress, log, signal }) => {
    const rows = await step("collect", async () => {
      progress(10, "Collecting rows...");
      await sleep(stageMs, undefined, { signal });
      return 1_234;
    });
    // A yearly report takes long enough for its customer to leave.
    const pageMs = payload.report_type.startsWith("yearly") ? Math.max(stageMs, LONG_MS) : stageMs;
    log("info", `collected ${rows} rows of ${payload.report_type}`);
    for (let percent = 20; percent <= 90; percent += 10) {
      progress(percent, `Rendering ${payload.format}...`);
      await sleep(pageMs, undefined, { signal });
    }
    return { pages: 12 };
  });

  return worker;
}
