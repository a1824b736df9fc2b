import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/index.ts";
import { createJobs, memoryJobStore } from "../../../src/jobs/index.ts";
import { createMetrics } from "../../../src/metrics/index.ts";
import { job, messageOf } from "../job.ts";
import { feed } from "../load.ts";
import { Meter, options, report } from "../measure.ts";

/** The same path as that of a plain worker, with each run claimed and recorded in a store in memory. */
const { concurrency, warmUp, messages } = options() as {
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
const meter = new Meter({ warmUp, messages });
const queue = createQueue(memory());
createMetrics({ only: queue });
const jobs = await createJobs(queue, { store: memoryJobStore() });
const onHandled = feed(warmUp + messages, (number) => queue.send("bench", messageOf(number)));
const worker = jobs.worker({ concurrency });
worker.on("completed", () => {});
worker.register(job, async () => {
  meter.count();
  onHandled();
});
void worker.run("bench");
report(await meter.done);
