// Shows: queues on a backend of your own: the adapter of examples/directory-adapter, and its conformance cases.
// Run:   npx node examples/own-adapter/main.ts
// Ends:  when the job is done and the cases have run.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createQueue, Worker } from "queueport";
import { type Harness, runConformance } from "queueport/conformance";
import { directory } from "../directory-adapter/index.ts";

const path = await mkdtemp(join(tmpdir(), "queues-"));
const queue = createQueue(directory({ path }));
await queue.ensure("emails");

// The same Queue and Worker as on every provider: retries, long delays and dead letters need no code in the adapter.
const worker = new Worker(queue);
worker.register("welcome", ({ payload }) => console.log(`Hello, ${payload.name}!`));
worker.once("completed", () => void worker.stop());
await queue.send("emails", { type: "welcome", payload: { name: "Ada" } });
await worker.run("emails"); // works until stop

// The conformance suite proves what an adapter declares. Leave `only` out to run all of it, which takes minutes.
const harness: Harness = {
  name: "directory",
  ordered: false,
  open: async () => directory({ path }),
  async makeQueue({ leaseMs, maxAttempts }) {
    const name = `queue-${randomUUID()}`;
    await queue.ensure(name, { leaseMs, maxAttempts });
    return name;
  },
  dropQueue: (name) => queue.drop(name),
};
const { passed, failed } = await runConformance(harness, {
  only: ({ requirement }) => requirement === "delivery.intact",
  onResult: ({ status, name, reason = "" }) => console.log(status, name, reason),
});
console.log(`${passed} passed, ${failed} failed`);

await queue.close();
await rm(path, { recursive: true });
