import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory } from "../../../adapters/memory/index.ts";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/index.ts";
import { createJobs, memoryJobStore } from "../../../src/jobs/index.ts";
import { createMetrics } from "../../../src/metrics/index.ts";
import { job, messageOf } from "../job.ts";
import { feed } from "../load.ts";
import { Meter, options, report } from "../measure.ts";

/** The same path as that of a plain worker, with each job recorded when it is sent, when its run begins, and when it ends. */
const { concurrency, warmUp, messages, store } = options() as {
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
  readonly store: "memory" | "sqlite";
};
const directory = mkdtempSync(join(tmpdir(), "queueport-bench-"));
const meter = new Meter({ warmUp, messages });
const queue = createQueue(memory());
createMetrics({ only: queue });
const jobs = await createJobs(queue, {
  store: store === "sqlite" ? sqliteJobStore({ path: join(directory, "jobs.db") }) : memoryJobStore(),
  migrate: true,
  queueOf: () => "bench",
});
const onHandled = feed(warmUp + messages, (number) => jobs.send(messageOf(number)));
const worker = jobs.worker({ concurrency });
worker.on("completed", () => {});
worker.register(job, async () => {
  meter.count();
  onHandled();
});
void worker.run("bench");
const figures = await meter.done;
rmSync(directory, { recursive: true });
report(figures);
