import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { QueueError } from "../../src/errors.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { Worker } from "../../src/worker/worker.ts";
import { errorLine } from "../lib/output.ts";
import { statsRows } from "../lib/stats-rows.ts";

/** The objects that the endpoints report on. */
export interface HealthSources {
  readonly worker: Worker;
  readonly queue: Queue;
  readonly queues: readonly string[];
  readonly registry: Registry;
}

/** A server that accepts connections. */
export interface HealthServer {
  /** The bound port. It differs from the requested port if that was 0. */
  readonly port: number;
  close(): Promise<void>;
}

/** The endpoints of a worker process: metrics for Prometheus, and health for an orchestrator and for people. */
export function healthApp({ worker, queue, queues, registry }: HealthSources): Hono {
  const app = new Hono();
  app.get("/metrics", async (context) =>
    context.body(await registry.metrics(), 200, { "content-type": registry.contentType }),
  );
  app.get("/health/live", (context) => {
    const health = worker.health();
    return context.json({ live: health.live, stuck: health.stuck }, health.live ? 200 : 503);
  });
  app.get("/health/ready", (context) => {
    const { ready, state, queues: polled } = worker.health();
    return context.json({ ready, state, queues: polled }, ready ? 200 : 503);
  });
  app.get("/health/queues", async (context) => {
    const rows = await statsRows(queue, queues);
    return context.json({ queues: rows }, rows.some(({ error }) => error !== undefined) ? 503 : 200);
  });
  app.get("/health/workers", (context) => context.json(worker.health()));
  app.notFound((context) =>
    context.json({ error: "not found", paths: app.routes.map(({ path }) => path) }, 404),
  );
  app.onError((error, context) => context.json({ error: errorLine(error) }, 500));
  return app;
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
      reject(
        new QueueError(
          "config",
          `Could not listen on ${host}:${port}: ${why}. Choose another --metrics-port.`,
          {
            cause: error,
          },
        ),
      );
    };
    server.once("error", refused);
  });
}
