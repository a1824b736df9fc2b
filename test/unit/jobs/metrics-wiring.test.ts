import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, memoryJobStore } from "../../../src/jobs/index.ts";
import { faultyJobStore } from "../../../src/jobs/testing/faulty-job-store.ts";
import { createMetrics } from "../../../src/metrics/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";

test("the requests of jobs to their store are counted, and the ends that wait for it are shown", async () => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }));
  let isDown = false;
  const store = faultyJobStore(memoryJobStore({ clock }), {
    clock,
    before: () => (isDown ? "fail" : undefined),
  });
  const jobs = await createJobs(queue, { store, onWarning: () => {} });
  const metrics = createMetrics({ only: queue, jobs: { jobs, maxAgeMs: 0 }, clock });
  try {
    const job = await jobs.send({ type: "email", payload: 1 }, { queue: "emails", delay: "1h" });
    await job.cancel();
    const text = await metrics.registry.metrics();
    expect(text).toContain('jobs_cancelled_total{when="waiting"} 1');
    expect(text).toMatch(/job_store_requests_total\{operation="apply",outcome="ok"\} [1-9]/);
    expect(text).toContain('job_store_journaled{store="memory"} 0');
    isDown = true;
    const sending = jobs.send({ type: "email", payload: 1 }, { queue: "emails" });
    await clock.advance("3s");
    expect((await sending).tracked).toBe(false);
    const later = await metrics.registry.metrics();
    expect(later).toMatch(/job_store_requests_total\{operation="apply",outcome="unavailable"\} [1-9]/);
    expect(later).toContain('job_store_journaled{store="memory"} 1');
  } finally {
    metrics.close();
    await jobs.close();
    await queue.close();
  }
});
