import { Registry } from "prom-client";
import { describe, expect, it, vi } from "vitest";
import { healthApp, type HealthSources, listen } from "../../../cmd/worker/health-server.ts";
import { QueueError } from "../../../src/errors.ts";
import type { Jobs } from "../../../src/jobs/jobs.ts";
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
  {
    stats,
    ...sources
  }: Pick<HealthSources, "now" | "onStatsError" | "jobs"> & { readonly stats?: () => Promise<unknown> } = {},
): ReturnType<typeof healthApp> {
  const worker = { health: () => ({ ...healthy, ...health }) } as unknown as Worker;
  const counts = { messages: 1, inFlight: undefined, approximate: true, asOf: new Date(0) };
  const queue = { stats: stats ?? (async () => counts) } as unknown as Queue;
  return healthApp({ worker, queue, queues: ["emails"], registry: new Registry(), ...sources });
}

/** Recorded jobs whose health is this. */
function jobsWith(health: () => Promise<object>, workers: () => Promise<object[]> = async () => []): Jobs {
  return { health, workers, counts: async () => [] } as unknown as Jobs;
}

const healthOfJobs = {
  status: "degraded",
  problems: ["2 jobs are processing, and no run of them is known to go on."],
  store: { name: "sqlite", reachable: true, latencyMs: 1, journaled: 0, dropped: 0 },
  dispatchLagMs: 0,
  stalled: 2,
  workers: 1,
  unfinished: [{ queue: "emails", type: "email", status: "queued", count: 3 }],
};

describe("healthApp with recorded jobs", () => {
  it("answers with the health of the jobs, and with 200 while it is degraded", async () => {
    const answer = await app({}, { jobs: jobsWith(async () => healthOfJobs) }).request("/health/jobs");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      status: "degraded",
      problems: healthOfJobs.problems,
      store: { name: "sqlite", reachable: true, latency_ms: 1 },
      stalled: 2,
      unfinished: [{ queue: "emails", count: 3 }],
    });
  });

  it("answers 503 while the store cannot be reached, and the text of the error is only reported", async () => {
    const reported: unknown[] = [];
    const health = async (): Promise<object> => ({
      ...healthOfJobs,
      status: "failing",
      problems: ["no route to db.internal"],
      store: { ...healthOfJobs.store, reachable: false },
    });
    const failing = app(
      {},
      { jobs: jobsWith(health), onStatsError: (_queue, error) => reported.push(error) },
    );
    const answer = await failing.request("/health/jobs");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      problems: ["The job store cannot be read: the log of the worker has the reason."],
    });
    expect(reported).toEqual([new Error("no route to db.internal")]);
  });

  it("adds the workers of all processes to the health of its own", async () => {
    const row = {
      id: "host-1-1",
      host: "host",
      pid: 1,
      version: "0.1.0",
      queues: ["emails"],
      types: ["email"],
      slots: 10,
      running: ["a"],
      runningCount: 1,
      lagMs: 0,
      rss: 1,
      startedAt: 0,
      seenAt: 0,
    };
    const jobs = jobsWith(
      async () => healthOfJobs,
      async () => [row],
    );
    const answer = await app({}, { jobs }).request("/health/workers");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      state: "running",
      cluster: { status: "ok", slots: 10, running: 1, workers: [{ id: "host-1-1" }] },
    });
  });

  it("answers 503 for the workers while the store cannot be read", async () => {
    const jobs = jobsWith(
      async () => healthOfJobs,
      async () => {
        throw new Error("no route to db.internal");
      },
    );
    const answer = await app({}, { jobs }).request("/health/workers");
    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain("db.internal");
  });

  it("asks the store once in two seconds, however many ask", async () => {
    let asked = 0;
    const jobs = jobsWith(async () => {
      asked += 1;
      return healthOfJobs;
    });
    const serving = app({}, { jobs, now: () => 0 });
    await Promise.all(Array.from({ length: 50 }, async () => serving.request("/health/jobs")));
    expect(asked).toBe(1);
  });
});

describe("healthApp", () => {
  it("has no health of jobs if none are recorded", async () => {
    expect((await app().request("/health/jobs")).status).toBe(404);
  });

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

  it("answers 503 with the code of the error if a queue has no counts, and reports the error itself", async () => {
    const text = "arn:aws:iam::123456789012:user/deploy may not call sqs.eu-west-1.amazonaws.com";
    const error = new QueueError("auth", text, { queue: "emails" });
    const reported: unknown[] = [];
    const answer = await app(
      {},
      { stats: () => Promise.reject(error), onStatsError: (...args) => reported.push(args) },
    ).request("/health/queues");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      queues: [{ queue: "emails", error: "auth: the log of the worker has the reason" }],
    });
    expect(reported).toEqual([["emails", error]]);
  });

  it("reads the counts once in ten seconds, however many ask, also while the provider does not answer", async () => {
    let [calls, time] = [0, 0];
    const waiting: (() => void)[] = [];
    const stats = (): Promise<unknown> => {
      calls += 1;
      return new Promise((resolve) => waiting.push(() => resolve({ messages: calls, asOf: new Date(0) })));
    };
    const asked = app({}, { stats, now: () => time });
    const ask = async (): Promise<unknown> =>
      ((await (await asked.request("/health/queues")).json()) as { queues: { messages: number }[] }).queues[0]
        ?.messages;
    const first = Array.from({ length: 200 }, ask);
    time = 60_000;
    const second = ask();
    waiting.shift()?.();
    expect(new Set(await Promise.all([...first, second]))).toEqual(new Set([1]));
    time = 69_999;
    expect([await ask(), calls]).toEqual([1, 1]);
    time = 70_000;
    const third = ask();
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting.shift()?.();
    expect([await third, calls]).toEqual([2, 2]);
  });

  it.each(["/health/ready", "/health/workers"])("%s does not quote the error of a poll", async (path) => {
    const error = "Error: connect ECONNREFUSED 10.0.0.7:443";
    const queues = [{ queue: "emails", lastPollAt: undefined, error, running: 0 }];
    const answer = await app({ queues }).request(path);
    expect(await answer.json()).toMatchObject({
      queues: [{ queue: "emails", error: "the last poll failed: the log of the worker has the reason" }],
    });
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

  it("asks for another host if this machine does not have the given one", async () => {
    // An address of the documentation, which no machine has: https://www.rfc-editor.org/rfc/rfc5737
    await expect(listen(app(), "192.0.2.1", 0)).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/Choose another --host\.$/),
    });
  });
});
