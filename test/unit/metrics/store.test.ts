import { describe, expect, it } from "vitest";
import { channels, type StoreEvent } from "../../../src/diagnostics.ts";
import { QueueError } from "../../../src/errors.ts";
import type { CountedJobs } from "../../../src/metrics/index.ts";
import { anySource, ManualClock, samplesOf, withMetrics } from "./support.ts";

function publish(fields: Partial<StoreEvent> = {}): void {
  channels.store.publish({
    store: "sqlite",
    source: anySource,
    operation: "apply",
    outcome: "ok",
    ms: 3,
    claims: [],
    cancelled: { waiting: 0, running: 0 },
    ...fields,
  });
}

type Health = Awaited<ReturnType<CountedJobs["health"]>>;

const health: Health = {
  store: { name: "sqlite", reachable: true, journaled: 2, dropped: 1 },
  dispatchLagMs: 1_500,
  stalled: 4,
  unfinished: [
    { queue: "emails", status: "queued", count: 3 },
    { queue: "emails", status: "queued", count: 2 },
    { queue: "emails", status: "processing", count: 1 },
  ],
};
const workers = [
  { queues: ["emails", "reports"], slots: 10, runningCount: 4 },
  { queues: ["emails"], slots: 5, runningCount: 5 },
];

describe("the metrics of a job store", () => {
  it("count requests with their outcome and duration, claims by answer, and cancelled jobs", () =>
    withMetrics({}, async (metrics) => {
      publish({ claims: ["run", "run", "done"], cancelled: { waiting: 2, running: 1 } });
      publish({ outcome: "unavailable", ms: 2_000 });
      publish({ operation: "list" });

      expect(await samplesOf(metrics, "job_store_requests_total")).toEqual({
        '{operation="apply",outcome="ok"}': 1,
        '{operation="apply",outcome="unavailable"}': 1,
        '{operation="list",outcome="ok"}': 1,
      });
      expect(await samplesOf(metrics, "job_store_seconds_sum")).toEqual({
        '{operation="apply"}': 2.003,
        '{operation="list"}': 0.003,
      });
      expect(await samplesOf(metrics, "job_claims_total")).toEqual({
        '{outcome="run"}': 2,
        '{outcome="done"}': 1,
      });
      expect(await samplesOf(metrics, "jobs_cancelled_total")).toEqual({
        '{when="waiting"}': 2,
        '{when="running"}': 1,
      });
    }));

  it("leave out the jobs of another queue if they are those of one", () => {
    const queue = {} as never;
    return withMetrics({ only: queue }, async (metrics) => {
      publish();
      publish({ source: queue });
      expect(await samplesOf(metrics, "job_store_requests_total")).toEqual({
        '{operation="apply",outcome="ok"}': 1,
      });
    });
  });
});

describe("the counts of recorded jobs", () => {
  it("are read on a scrape: jobs by state, workers by queue, and slots", () => {
    const jobs: CountedJobs = { health: async () => health, workers: async () => workers };
    return withMetrics({ jobs: { jobs } }, async (metrics) => {
      expect(await samplesOf(metrics, "jobs_unfinished")).toEqual({
        '{queue="emails",status="queued"}': 5,
        '{queue="emails",status="processing"}': 1,
      });
      expect(await samplesOf(metrics, "jobs_stalled")).toEqual({ '{store="sqlite"}': 4 });
      expect(await samplesOf(metrics, "job_dispatch_lag_seconds")).toEqual({ '{store="sqlite"}': 1.5 });
      expect(await samplesOf(metrics, "job_store_journaled")).toEqual({ '{store="sqlite"}': 2 });
      expect(await samplesOf(metrics, "job_store_dropped_total")).toEqual({ '{store="sqlite"}': 1 });
      expect(await samplesOf(metrics, "workers")).toEqual({ '{queue="emails"}': 2, '{queue="reports"}': 1 });
      expect(await samplesOf(metrics, "worker_slots")).toEqual({ '{state="busy"}': 9, '{state="free"}': 6 });
      expect(await samplesOf(metrics, "job_stats_errors_total")).toEqual({ '{store="sqlite"}': 0 });
    });
  });

  it("are read once in ten seconds, and a state that no job has is left out", () => {
    const clock = new ManualClock();
    let reads = 0;
    const jobs: CountedJobs = {
      health: async () => {
        reads += 1;
        return reads === 1 ? health : { ...health, unfinished: [] };
      },
      workers: async () => [],
    };
    return withMetrics({ jobs: { jobs }, clock }, async (metrics) => {
      await metrics.registry.metrics();
      await metrics.registry.metrics();
      expect(reads).toBe(1);
      clock.advance(10_000);
      expect(await samplesOf(metrics, "jobs_unfinished")).toEqual({});
      expect(reads).toBe(2);
    });
  });

  it.each<[string, () => Promise<Health>]>([
    ["is not reachable", async () => ({ ...health, store: { ...health.store, reachable: false } })],
    [
      "cannot be read",
      async () => {
        throw new QueueError("store_unavailable", "down");
      },
    ],
  ])("are missing while the store %s, and the scrape succeeds", (_how, read) => {
    const clock = new ManualClock();
    let isDown = false;
    const jobs: CountedJobs = {
      health: () => (isDown ? read() : Promise.resolve(health)),
      workers: async () => workers,
    };
    return withMetrics({ jobs: { jobs, maxAgeMs: 0 }, clock }, async (metrics) => {
      await metrics.registry.metrics();
      isDown = true;
      clock.advance(1);
      const scraped = await metrics.registry.metrics();
      for (const name of ["jobs_unfinished", "jobs_stalled", "workers"])
        expect(scraped).not.toContain(`\n${name}{`);
      expect(scraped).toContain('job_stats_errors_total{store="sqlite"} 1');
      expect(scraped).toContain('job_store_dropped_total{store="sqlite"} 1');
    });
  });
});
