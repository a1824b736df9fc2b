// Shows: jobs that are handled in order for each ordering key, while different keys run side by side.
// Run:   npx node examples/fifo/main.ts
// Ends:  when all jobs are done.
import { setTimeout as sleep } from "node:timers/promises";
import { openQueue, Worker } from "queueport";

const ORDERS = ["order-1", "order-2", "order-3"];
const STEPS = ["created", "paid", "shipped"];

const queue = await openQueue({ provider: "memory" });
// On Amazon SQS, the name of a queue that keeps order ends in ".fifo". Other providers accept that name.
await queue.ensure("orders.fifo", { ordering: "by_key" });

const seen = new Map<string, string[]>(ORDERS.map((order) => [order, []]));
let left = ORDERS.length * STEPS.length;

const worker = new Worker(queue, { concurrency: 10 });
worker.register<{ order: string; step: string }>("order_changed", async ({ payload }) => {
  await sleep(Math.random() * 50); // however long a job takes, the next one of its order waits for it
  seen.get(payload.order)?.push(payload.step);
});
worker.on("completed", () => {
  left -= 1;
  if (left === 0) void worker.stop();
});

for (const step of STEPS) {
  for (const order of ORDERS) {
    await queue.send("orders.fifo", { type: "order_changed", payload: { order, step }, orderingKey: order });
  }
}
await worker.run("orders.fifo"); // works until stop
for (const [order, steps] of seen) console.log(`${order}: ${steps.join(", ")}`);
await queue.close();
