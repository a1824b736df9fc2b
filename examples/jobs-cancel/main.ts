// Shows: jobs that are cancelled before they run, and while they run, by their id or by a tag.
// Run:   npx node examples/jobs-cancel/main.ts
// Ends:  when every job is over.
import { setTimeout as sleep } from "node:timers/promises";
import { openQueue } from "queueport";
import { createJobs, memoryJobStore } from "queueport/jobs";

const queue = await openQueue({ provider: "memory" });
const jobs = await createJobs(queue, { store: memoryJobStore() });

const worker = jobs.worker();
worker.register("video", async (_, { signal, progress }) => {
  for (let percent = 1; percent <= 100; percent += 1) {
    // Pass the signal to everything that can be interrupted: it aborts when the job is cancelled.
    await sleep(50, undefined, { signal });
    progress(percent);
  }
});
await worker.start("videos");

const running = await jobs.send({ type: "video", payload: {} }, { queue: "videos" });
for await (const { event } of jobs.events({ type: "video" })) if (event === "job.progress") break;
console.log(`running: ${await running.cancel("the customer has left")}`);
await running.result().catch(() => undefined); // rejects with the code cancelled
const record = await running.get();
console.log(`running: ${record?.status}, since ${record?.cancelReason}`);

const options = { queue: "videos", delay: "1h", tags: ["trial"] } as const;
const waiting = await jobs.send({ type: "video", payload: {} }, options);
await jobs.sendBatch(
  [1, 2, 3].map((part) => ({ type: "video", payload: { part } })),
  options,
);
console.log(`waiting: ${await waiting.cancel()}`);
console.log(`of the tag trial: ${await jobs.cancelAll({ tag: "trial" })} more`);

await jobs.close();
await queue.close();
