// Shows: a worker that finishes its running jobs on shutdown, and leaves the others in the queue.
// Run:   npx node examples/graceful-shutdown/main.ts, then press Ctrl-C; a second Ctrl-C ends it at once
// Ends:  by Ctrl-C or SIGTERM, as sent by Kubernetes, ECS or systemd.
import { setTimeout as sleep } from "node:timers/promises";
import { openQueue, Worker } from "queueport";

const JOBS = 100;
const queue = await openQueue({ provider: "memory" });

// Jobs that run get ten seconds. After that their `signal` aborts, and their messages go back to the queue. Choose
// less than what the platform waits before it kills the process: 30 seconds on Kubernetes, for example.
const worker = new Worker(queue, { concurrency: 2, drainMs: 10_000 });
worker.register<{ image: string }>("resize", async ({ payload }, { signal }) => {
  console.log(`${payload.image}: started`);
  await sleep(500, undefined, { signal }); // pass the signal on to what takes time
  console.log(`${payload.image}: done`);
});

const shutdown = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => {
    console.log("draining");
    shutdown.abort();
  });
}

for (let number = 1; number <= JOBS; number += 1) {
  await queue.send("images", { type: "resize", payload: { image: `image-${number}` } });
}
await worker.run("images", { signal: shutdown.signal }); // works until the signal aborts, then drains

const { messages } = await queue.stats("images");
console.log(`${messages} jobs are left in the queue`); // a cloud keeps them; queues in memory end with the process
await queue.close();
