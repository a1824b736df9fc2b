import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { healthApp, listen } from "../../../cmd/worker/health-server.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import type { WorkerHealth } from "../../../src/worker/types.ts";
import type { Worker } from "../../../src/worker/worker.ts";

const healthy: WorkerHealth = {
  live: true,
  ready: true,
  state: "running",
  running: 1,
  stuck: [],
  eventLoopLagMs: 0,
  queues: [],
};

function app(
  health: Partial<WorkerHealth> = {},
  stats?: () => Promise<unknown>,
): ReturnType<typeof healthApp> {
  const worker = { health: () => ({ ...healthy, ...health }) } as unknown as Worker;
  const counts = { messages: 1, inFlight: undefined, approximate: true, asOf: new Date(0) };
  const queue = { stats: stats ?? (async () => counts) } as unknown as Queue;
  return healthApp({ worker, queue, queues: ["emails"], registry: new Registry() });
}

describe("healthApp", () => {
  it("answers 503 while the worker is not live or not ready", async () => {
    expect((await app().request("/health/live")).status).toBe(200);
    expect((await app().request("/health/ready")).status).toBe(200);
    expect((await app({ live: false }).request("/health/live")).status).toBe(503);
    expect((await app({ ready: false }).request("/health/ready")).status).toBe(503);
  });

  it("lists the handlers that are stuck", async () => {
    const stuck = { id: "1", type: "mail", queue: "emails", runningMs: 400_000 };
    const answer = await app({ stuck: [stuck] }).request("/health/live");
    expect(await answer.json()).toEqual({ live: true, stuck: [stuck] });
  });

  it("reports null for a count that the provider does not report", async () => {
    const answer = await app().request("/health/queues");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ queues: [{ queue: "emails", messages: 1, inFlight: null }] });
  });

  it("answers 503 with the error if a queue has no counts", async () => {
    const answer = await app({}, () => Promise.reject(new Error("no network"))).request("/health/queues");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ queues: [{ queue: "emails", error: "Error: no network" }] });
  });

  it("answers 404 with its paths to a request for another path", async () => {
    const answer = await app().request("/");
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      paths: expect.arrayContaining(["/metrics", "/health/ready"]),
    });
  });
});

describe("listen", () => {
  it("selects a free port for 0, and refuses a port that is in use", async () => {
    const first = await listen(app(), "127.0.0.1", 0);
    expect((await fetch(`http://127.0.0.1:${first.port}/metrics`)).status).toBe(200);
    await expect(listen(app(), "127.0.0.1", first.port)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("the port is in use"),
    });
    await first.close();
  });
});
