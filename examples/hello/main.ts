// Shows: one job, sent and handled in one process, with queues in memory.
// Run:   npx node examples/hello/main.ts
// Ends:  when the job is done.
import { openQueue, Worker } from "queueport";

const queue = await openQueue({ provider: "memory" }); // "sqs", "pubsub", "service-bus": the same code
const worker = new Worker(queue);
worker.register("welcome", ({ payload }) => console.log(`Hello, ${payload.name}!`));
worker.once("completed", () => void worker.stop());

await queue.send("emails", { type: "welcome", payload: { name: "Ada" } });
await worker.run("emails"); // works until stop
await queue.close();
