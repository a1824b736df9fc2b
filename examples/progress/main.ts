// Shows: a long job that reports its progress, stops between two steps when its signal aborts, and keeps its lease.
// Run:   npx node examples/progress/main.ts
// Ends:  when the job is done, or by Ctrl-C after the page that is being written.
import { setTimeout as sleep } from "node:timers/promises";
import { openQueue, Worker } from "queueport";

const queue = await openQueue({ provider: "memory" });

const worker = new Worker(queue, { drainMs: 0 }); // on Ctrl-C, the job's signal aborts at once
worker.register<{ pages: number }>("report", async ({ payload: { pages } }, { signal, progress }) => {
  for (let page = 1; page <= pages; page += 1) {
    signal.throwIfAborted(); // timeout, shutdown, or a lost lease; the message goes back to the queue
    await sleep(100); // the real work; the lease is extended automatically for as long as it takes
    progress((100 * page) / pages, `page ${page} of ${pages}`);
  }
});

worker.on("progress", ({ job, percent, note }) => console.log(`${job.type}: ${percent} %, ${note}`));
worker.on("completed", ({ job }) => {
  console.log(`${job.type}: done`);
  void worker.stop();
});
process.once("SIGINT", () => void worker.stop());

await queue.send("reports", { type: "report", payload: { pages: 5 } });
await worker.run("reports"); // works until stop
await queue.close();
