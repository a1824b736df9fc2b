import { describeError } from "../../src/errors.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { JobsHealth } from "../../src/jobs/observe/health.ts";
import type { QueueReport } from "./queue-report.ts";
import { workerJson } from "./worker-json.ts";

/** The state of a part of the job system. */
export type HealthStatus = JobsHealth["status"];

/** A report on the health of a part of the job system. Without authorization, only its status is shown. */
export interface HealthReport {
  readonly status: HealthStatus;
  /** Sentences that say what is wrong. */
  readonly problems: readonly string[];
  readonly details: object;
}

/** The HTTP status of a report: 503 if it is failing. */
export function httpStatusOf({ status }: HealthReport): number {
  return status === "failing" ? 503 : 200;
}

/** The health of the job system: its store, and the jobs that are late. */
export async function jobsHealth(jobs: Jobs): Promise<HealthReport> {
  try {
    const { status, problems, store, unfinished, ...rest } = await jobs.health();
    const details = {
      store: {
        name: store.name,
        reachable: store.reachable,
        latency_ms: store.latencyMs,
        journaled: store.journaled,
        dropped: store.dropped,
      },
      ...snakeCased(rest),
      unfinished: unfinished.map(({ queue, type, status: state, count }) => ({
        queue,
        type,
        status: state,
        count,
      })),
    };
    return { status, problems, details };
  } catch (error) {
    return failing(error);
  }
}

/** The health of the queues: whether their counts can be read, and their dead letters. */
export async function queuesHealth(report: QueueReport): Promise<HealthReport> {
  try {
    const queues = await report.all();
    const problems = queues.flatMap(({ name, error }) =>
      error === undefined ? [] : [`The messages of ${name} cannot be counted (${error}).`],
    );
    const isFailing = problems.length > 0 && problems.length === queues.length;
    return {
      status: isFailing ? "failing" : problems.length > 0 ? "degraded" : "ok",
      problems,
      details: { queues },
    };
  } catch (error) {
    return failing(error);
  }
}

/** The health of the workers of all processes. */
export async function workersHealth(jobs: Jobs): Promise<HealthReport> {
  try {
    const [workers, counts] = await Promise.all([jobs.workers(), jobs.counts()]);
    const polled = new Set(workers.flatMap(({ queues }) => queues));
    const waiting = new Set(counts.filter(({ status }) => status !== "scheduled").map(({ queue }) => queue));
    const problems = [...waiting]
      .filter((queue) => !polled.has(queue))
      .toSorted()
      .map((queue) => `No worker was seen within 60 s for the queue ${queue}, which has jobs.`);
    return {
      status: problems.length === 0 ? "ok" : workers.length === 0 ? "failing" : "degraded",
      problems,
      details: {
        slots: workers.reduce((sum, { slots }) => sum + slots, 0),
        running: workers.reduce((sum, { runningCount }) => sum + runningCount, 0),
        workers: workers.map((one) => workerJson(one)),
      },
    };
  } catch (error) {
    return failing(error);
  }
}

function failing(error: unknown): HealthReport {
  return {
    status: "failing",
    problems: [`The job store cannot be read: ${describeError(error)}`],
    details: {},
  };
}

/** Further members of the health of jobs, with the names of the API. */
function snakeCased(members: object): object {
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value as unknown,
    ]),
  );
}
