import type { WorkerRow } from "../../src/jobs/store/job-store.ts";

/** A worker in the JSON of the API. */
export function workerJson(worker: WorkerRow): object {
  const { id, host, pid, version, queues, types, slots, running } = worker;
  return {
    id,
    host,
    pid,
    version,
    queues,
    types,
    slots,
    running,
    running_count: worker.runningCount,
    lag_ms: worker.lagMs,
    rss_bytes: worker.rss,
    started_at: new Date(worker.startedAt).toISOString(),
    seen_at: new Date(worker.seenAt).toISOString(),
  };
}
