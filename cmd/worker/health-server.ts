import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { isQueueError, QueueError } from "../../src/errors.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { WorkerHealth } from "../../src/worker/types.ts";
import type { Worker } from "../../src/worker/worker.ts";
import { type HealthReport, jobsHealth, workersHealth } from "../../web/api/health.ts";
import { errorLine } from "../lib/output.ts";
import { statsRows } from "../lib/stats-rows.ts";
import { cached } from "../../src/lib/cached.ts";

/** The objects that the endpoints report on. */
export interface HealthSources {
  readonly worker: Pick<Worker, "health">;
  /** The recorded jobs. @default none: `/health/jobs` does not exist */
  readonly jobs?: Jobs | undefined;
  readonly queue: Queue;
  readonly queues: readonly string[];
  readonly registry: Registry;
  /** Called for each queue whose counts could not be read. The answer names the code of the error only. */
  readonly onStatsError?: (queue: string, error: unknown) => void;
  /** Monotonic time in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Age in milliseconds up to which counts are reused, since reading them is a billed request, and anybody may ask. */
const MAX_AGE_MS = 10_000;
/** Age in milliseconds up to which a report on jobs is reused, since anybody may ask. */
const MAX_REPORT_AGE_MS = 2_000;
/** Replaces the errors of a provider, which name hosts, accounts and roles: the endpoints are open to anybody. */
const IN_THE_LOG = "the log of the worker has the reason";

/** Codes of a host that this machine does not have. */
const NO_ADDRESS: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL"]);

/** A server that accepts connections. */
export interface HealthServer {
  /** The bound port. It differs from the requested port if that was 0. */
  readonly port: number;
  close(): Promise<void>;
}

/** The endpoints of a worker process: metrics for Prometheus, and health for an orchestrator and for people. */
export function healthApp(sources: HealthSources): Hono {
  const { worker, jobs, queue, queues, registry, onStatsError = () => {}, now } = sources;
  const app = new Hono();
  const counts = cached(
    () =>
      statsRows(queue, queues, (error, name) => {
        onStatsError(name, error);
        return `${isQueueError(error) ? error.code : "failed"}: ${IN_THE_LOG}`;
      }),
    MAX_AGE_MS,
    now,
  );
  app.get("/metrics", async (context) =>
    context.body(await registry.metrics(), 200, { "content-type": registry.contentType }),
  );
  app.get("/health/live", (context) => {
    const health = worker.health();
    return context.json({ live: health.live, stuck: health.stuck }, health.live ? 200 : 503);
  });
  app.get("/health/ready", (context) => {
    const { ready, state, queues: polled } = publicHealth(worker);
    return context.json({ ready, state, queues: polled }, ready ? 200 : 503);
  });
  app.get("/health/queues", async (context) => {
    const rows = await counts();
    return context.json({ queues: rows }, rows.some(({ error }) => error !== undefined) ? 503 : 200);
  });
  if (jobs === undefined) app.get("/health/workers", (context) => context.json(publicHealth(worker)));
  else addJobsHealth(app, jobs, sources);
  app.notFound((context) =>
    context.json({ error: "not found", paths: app.routes.map(({ path }) => path) }, 404),
  );
  app.onError((error, context) => {
    onStatsError("", error);
    return context.json({ error: IN_THE_LOG }, 500);
  });
  return app;
}

/** The health of the recorded jobs, and with it that of the workers of all processes. */
function addJobsHealth(app: Hono, jobs: Jobs, sources: HealthSources): void {
  const { worker, onStatsError = () => {}, now } = sources;
  /** A report without the text of an error of the store, which may name hosts and paths. */
  const shown = (report: HealthReport): HealthReport => {
    const { details, problems } = report;
    const { store } = details as { readonly store?: { readonly reachable: boolean } };
    if (store?.reachable !== false && Object.keys(details).length > 0) return report;
    onStatsError("", new Error(problems.join(" ")));
    return { ...report, problems: [`The job store cannot be read: ${IN_THE_LOG}.`] };
  };
  const ofJobs = cached(async () => shown(await jobsHealth(jobs)), MAX_REPORT_AGE_MS, now);
  const ofWorkers = cached(async () => shown(await workersHealth(jobs)), MAX_REPORT_AGE_MS, now);
  app.get("/health/jobs", async (context) => {
    const { details, ...report } = await ofJobs();
    return context.json({ ...report, ...details }, report.status === "failing" ? 503 : 200);
  });
  app.get("/health/workers", async (context) => {
    const { details, ...report } = await ofWorkers();
    const body = { ...publicHealth(worker), cluster: { ...report, ...details } };
    return context.json(body, report.status === "failing" ? 503 : 200);
  });
}

/** The health of the worker, without the text of a provider's error. The worker logs it. */
function publicHealth(worker: HealthSources["worker"]): WorkerHealth {
  const health = worker.health();
  const queues = health.queues.map((queue) =>
    queue.error === undefined ? queue : { ...queue, error: `the last poll failed: ${IN_THE_LOG}` },
  );
  return { ...health, queues };
}

/**
 * Serves `app`. Resolves when the port is bound.
 * @throws QueueError `config` if the port cannot be bound
 */
export function listen(app: Hono, host: string, port: number): Promise<HealthServer> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, ({ port: bound }: AddressInfo) => {
      server.off("error", refused);
      resolve({
        port: bound,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      });
    });
    const refused = (error: NodeJS.ErrnoException): void => {
      const why = error.code === "EADDRINUSE" ? "the port is in use" : errorLine(error);
      const wrong = error.code !== undefined && NO_ADDRESS.has(error.code) ? "--host" : "--metrics-port";
      reject(
        new QueueError("config", `Could not listen on ${host}:${port}: ${why}. Choose another ${wrong}.`, {
          cause: error,
        }),
      );
    };
    server.once("error", refused);
  });
}
