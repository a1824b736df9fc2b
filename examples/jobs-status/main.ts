// Shows: the status, the progress and the result of a job by its id, which is all that a status page needs.
// Run:   npx node examples/jobs-status/main.ts
// Ends:  when the job is done.
import { setTimeout as sleep } from "node:timers/promises";
import { openQueue } from "queueport";
import { createJobs, memoryJobStore, recordOf } from "queueport/jobs";

const queue = await openQueue({ provider: "memory" });
// In production: sqliteJobStore({ path: "jobs.db" }) of queueport/sqlite, which all processes of a machine can share.
const jobs = await createJobs(queue, { store: memoryJobStore() });

const worker = jobs.worker();
worker.register("report", async (_, { progress, signal }) => {
  progress(40, "Collecting rows...");
  await sleep(1_000, undefined, { signal });
  return { pages: 12 };
});
await worker.start("reports");

const { id } = await jobs.send({ type: "report", payload: { month: "2026-01" } }, { queue: "reports" });

/** The answer of a status page, which knows nothing but the id. */
async function statusPage(jobId: string): Promise<string> {
  const job = await jobs.get(jobId, ["result"]);
  if (job === undefined) return "404: no such job";
  // The record in the JSON of the REST API.
  const { status, progress, progress_message, result } = recordOf(job);
  if (status === "completed") return `completed: ${JSON.stringify(result)}`;
  return `${status}: ${progress ?? 0} %, ${progress_message ?? "waiting"}`;
}

console.log(await statusPage("unknown-id"));
let shown = "";
while (!shown.startsWith("completed")) {
  const page = await statusPage(id);
  if (page !== shown && page.includes("%, Collecting")) console.log(page);
  shown = page;
  await sleep(50);
}
console.log(shown);

await jobs.close(); // stops the worker
await queue.close();
