import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { healthApp, listen } from "../../../cmd/worker/health-server.ts";
import type { Queue } from "../../../src/queue.ts";
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
  it("is ready and live while the worker is", async () => {
    expect((await app().request("/health/live")).status).toBe(200);
    expect((await app().request("/health/ready")).status).toBe(200);
    expect((await app({ live: false }).request("/health/live")).status).toBe(503);
    expect((await app({ ready: false }).request("/health/ready")).status).toBe(503);
  });

  it("says null where a count is unknown", async () => {
    const answer = await app().request("/health/queues");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ queues: [{ queue: "emails", messages: 1, inFlight: null }] });
  });

  it("says why a queue has no counts", async () => {
    const answer = await app({}, () => Promise.reject(new Error("no network"))).request("/health/queues");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ queues: [{ queue: "emails", error: "Error: no network" }] });
  });

  it("lists its paths to who asks for another", async () => {
    const answer = await app().request("/");
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      paths: expect.arrayContaining(["/metrics", "/health/ready"]),
    });
  });
});

describe("listen", () => {
  it("takes a free port, and refuses one that is taken", async () => {
    const first = await listen(app(), "127.0.0.1", 0);
    expect((await fetch(`http://127.0.0.1:${first.port}/metrics`)).status).toBe(200);
    await expect(listen(app(), "127.0.0.1", first.port)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("the port is in use"),
    });
    await first.close();
  });
});
