// Shows: a long job that goes on after the item at which its worker was stopped, as in a deployment.
// Run:   npx node examples/jobs-resume/main.ts
// Ends:  when the second worker has done the rest.
import { setTimeout as sleep } from "node:timers/promises";
import { openQueue } from "queueport";
import { createJobs, type Jobs, type JobsWorker, memoryJobStore } from "queueport/jobs";

const queue = await openQueue({ provider: "memory" });
const jobs: Jobs = await createJobs(queue, { store: memoryJobStore() });

function createWorker(name: string, onItem: (item: number) => void): JobsWorker {
  const worker = jobs.worker({ drainMs: 0 }); // on a stop, the job is asked to end at once
  return worker.register("import", async (_, { step, iterate, attempt }) => {
    // A step runs once per job: the second worker gets the recorded result.
    const items = await step("list", () => {
      console.log(`${name}: list the items`);
      return [1, 2, 3, 4, 5];
    });
    await iterate(items, {
      key: "items",
      total: items.length,
      async each(item) {
        await sleep(20); // the real work
        console.log(`${name}: item ${item}`);
        onItem(item);
      },
    });
    return { attempt, items: items.length };
  });
}

const first = createWorker("first worker", (item) => {
  if (item === 2) void first.stop();
});
await first.start("imports");
const job = await jobs.send({ type: "import", payload: {} }, { queue: "imports" });
while (first.health().state !== "stopped") await sleep(20);

const second = createWorker("second worker", () => {});
await second.start("imports");
// A stop counts no attempt.
console.log(await job.result());

await jobs.close();
await queue.close();
