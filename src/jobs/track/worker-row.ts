import type { WorkerHealth } from "../../worker/types.ts";
import type { WorkerRow } from "../store/job-store.ts";

const MAX_IDS = 100;
const MAX_HOST = 64;

/** Workers of this process so far. */
let workers = 0;

/** An id for a worker of this process, such as `host-4242-1`. */
export function newWorkerId(): string {
  workers += 1;
  return `${hostName()}-${process.pid}-${workers}`;
}

/** The row by which other processes see a worker. */
export function workerRowOf(
  id: string,
  health: WorkerHealth,
  ids: readonly string[],
  rest: Pick<WorkerRow, "types" | "slots" | "startedAt" | "version">,
): WorkerRow {
  return {
    id,
    host: hostName(),
    pid: process.pid,
    queues: health.queues.map(({ queue }) => queue),
    running: ids.slice(0, MAX_IDS),
    runningCount: health.running,
    lagMs: health.eventLoopLagMs,
    rss: process.memoryUsage.rss(),
    seenAt: 0,
    ...rest,
  };
}

function hostName(): string {
  return process.getBuiltinModule("node:os").hostname().slice(0, MAX_HOST);
}
