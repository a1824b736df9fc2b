/**
 * Seed 002, "Background Jobs System", as a journey.
 *
 * | seed                                       | here                                                                     |
 * | ------------------------------------------ | ------------------------------------------------------------------------ |
 * | queues and records in Redis                | `provider: redis`, or any other; `jobs.redis` as printed for the records  |
 * | priority queues                            | the priority is recorded. Levels are refused by name until they work      |
 * | `SubmitJob`, `ScheduleJob`, `CancelJob`     | `jobs.send`, its option `delay`, `jobs.cancel`; and the REST API          |
 * | `Delay`, `ScheduledAt`, `MaxRetries`        | `delay`, `delay: { at }`, `maxAttempts`; `delay_ms`, `scheduled_at`,       |
 * |                                            | `max_retries`                                                            |
 * | `worker_pool`, `max_jobs`, `retention`      | the same keys                                                            |
 * | `cleanup_interval`                          | time between two prunings by a worker                                     |
 * | `collection_interval`                       | age of the counts that a scrape reuses                                    |
 * | recurring jobs                              | not there yet; a scheduler of yours sends with an idempotency key         |
 * | `/health/jobs`, `/queues`, `/workers`       | the same paths, at the root and under `/api/v1`                           |
 * | `go_mvc_jobs_*`                             | the table in the test of the metrics                                      |
 * | job submission permissions                  | roles of callers, and `types` for what one may send                       |
 * | job result storage, archival and cleanup    | `result`, `jobs.retention`, `retention.archive`                           |
 * | multi-tenant isolation                      | `tenant` of a job and of a caller; limits for each are not there yet      |
 * | workflows, web UI, sandbox, notifications   | not there yet: a request for one is refused by the name of its member     |
 */
import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { type ConfigFile, openJobs } from "../../adapters/open.ts";
import { PermanentError } from "../../src/index.ts";
import { createMetrics } from "../../src/metrics/index.ts";
import { FakeClock, runUntilIdle } from "../../src/testing/index.ts";
import { bearerTokens, jobsApi } from "../../web/api/index.ts";
import { asSupported, inMemory, jobsOnRedis } from "../support/jobs-on-redis.ts";
import { removeRedisKeys } from "../support/redis-keys.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { Service } from "./service.ts";

/** "Configuration" as printed: the job system, and its queues. */
const printed = jobsOnRedis();

/** The same file after what its refusal says was done, and with records in memory, whose tests need no server. */
const ours = `provider: memory\n${inMemory(asSupported(printed))}`;

const welcome = { email_type: "welcome", to: "user@example.com", username: "John Doe" };
const MINUTE = 60_000;

async function open(clock?: FakeClock): Promise<Service> {
  const config = parse(ours) as ConfigFile;
  const service = await Service.open(config, clock === undefined ? {} : { queue: { clock } });
  onTestFinished(() => service[Symbol.asyncDispose]());
  return service;
}

const found = await findServer("redis");

describe("seed 002", () => {
  test("its configuration as printed is refused once, with each key that does not work yet and with what to use", async () => {
    const given = { provider: "memory", ...(parse(printed) as object) } as unknown as ConfigFile;
    const opening = openJobs(given);
    await expect(opening).rejects.toMatchObject({ code: "not_supported" });
    const { message } = (await opening.catch((error: unknown) => error)) as Error;
    for (const queue of ["default", "email", "file_processing", "cleanup"]) {
      expect(message).toContain(`queues.${queue}.priority_levels: levels of priority are not supported yet`);
    }
  });

  test("its configuration works in memory when the levels are changed as the refusal says", async () => {
    const service = await open();
    const worker = service.jobs.worker().register("email", () => undefined);
    await worker.start("email");
    expect(await service.jobs.workers()).toMatchObject([{ slots: 5, queues: ["email"] }]);
    const job = await service.jobs.send({ type: "email", payload: welcome }, { queue: "email" });
    // max_retries: 3 is four attempts.
    expect(await job.get()).toMatchObject({ maxAttempts: 4 });
  });

  describe.skipIf(found.missing !== undefined)(onServer("redis"), () => {
    test("its configuration keeps the records in Redis when the levels are changed as the refusal says", async () => {
      const { host, password } = new URL(found.server?.url ?? "");
      const namespace = `test-${randomUUID()}`;
      const block = asSupported(jobsOnRedis({ addr: host, password: decodeURIComponent(password) }));
      const { jobs, ...others } = parse(block) as { jobs: object };
      const config = { provider: "memory", ...others, jobs: { ...jobs, namespace } } as ConfigFile;
      onTestFinished(async () => {
        await removeRedisKeys(found.server?.url ?? "", `qp:{jobs:${namespace}}`);
        await found.server?.close();
      });
      const service = await Service.open(config);
      onTestFinished(() => service[Symbol.asyncDispose]());
      expect(service.jobs.store.name).toBe("redis");
      const worker = service.jobs.worker().register("email", () => ({ sent: true }));
      await worker.start("email");
      const { id } = await service.post({ type: "email", payload: welcome, queue: "email" });
      expect(await service.over(id)).toMatchObject({ status: "completed", max_retries: 3 });
      // Another process of the same configuration has the same records.
      const other = await Service.open(config);
      onTestFinished(() => other[Symbol.asyncDispose]());
      expect((await other.get(`/api/v1/jobs/${id}`)).body).toMatchObject({ id, status: "completed" });
      expect(await other.jobs.workers()).toMatchObject([{ id: worker.id, slots: 5 }]);
    });
  });

  test("a job is submitted, and a delayed job with high priority and three retries in a queue of its own", async () => {
    const clock = new FakeClock();
    const { jobs } = await open(clock);
    const due: number[] = [];
    const sentAt = clock.now();
    const worker = jobs.worker().register("email", () => void due.push(clock.now() - sentAt));
    const first = await jobs.send({ type: "email", payload: welcome }, { queue: "email" });
    const urgent = await jobs.send(
      { type: "email", payload: welcome, maxAttempts: 4 },
      { queue: "urgent", priority: "high", delay: { minutes: 5 } },
    );
    expect(await urgent.get()).toMatchObject({ status: "scheduled", priority: "high", maxAttempts: 4 });
    const working = worker.start(["email", "urgent"]);
    await clock.advance(10 * MINUTE);
    await working;
    expect(await first.get()).toMatchObject({ status: "completed" });
    expect(await urgent.get()).toMatchObject({ status: "completed", queue: "urgent" });
    expect(due[0]).toBeLessThan(MINUTE);
    expect(due[1]).toBeGreaterThanOrEqual(5 * MINUTE);
    expect(due[1]).toBeLessThan(6 * MINUTE);
  });

  test("a job is scheduled for a time by REST, and is cancelled before it", async () => {
    const { jobs, ...service } = await openRest();
    const worker = jobs.worker().register("data_cleanup", () => undefined);
    await worker.start("cleanup");
    const scheduled_at = new Date(Date.now() + 3_600_000).toISOString();
    const { status, body } = await service.request("POST", "/api/v1/jobs", {
      type: "data_cleanup",
      payload: {},
      queue: "cleanup",
      scheduled_at,
      max_retries: 3,
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: "scheduled", scheduled_at, max_retries: 3, max_attempts: 4 });
    const cancelled = await service.request("POST", `/api/v1/jobs/${body.id}/cancel`);
    expect([cancelled.status, cancelled.body.status]).toEqual([202, "cancelled"]);
  });

  test("a job runs again after its retry delay, and is a dead letter after its retries", async () => {
    const clock = new FakeClock();
    const { jobs } = await open(clock);
    let runs = 0;
    const worker = jobs.worker().register("email", () => {
      runs += 1;
      throw new Error("421 try again later");
    });
    worker.on("failed", () => {});
    const job = await jobs.send({ type: "email", payload: welcome }, { queue: "email" });
    await runUntilIdle(worker, "email", { clock });
    expect(runs).toBe(4);
    expect(await job.get()).toMatchObject({ status: "failed", deadLetterReason: "max_attempts" });
  });

  test("a queue that has `max_jobs` unfinished jobs refuses the next one, with the time to try again", async () => {
    const { jobs, request } = await openRest();
    const worker = jobs.worker().register("data_cleanup", () => undefined);
    await worker.start("other");
    const body = { type: "data_cleanup", payload: {}, queue: "cleanup", delay_ms: 3_600_000 };
    const answers = await request<unknown[]>(
      "POST",
      "/api/v1/jobs",
      Array.from({ length: 50 }, () => body),
    );
    expect(answers.status).toBe(207);
    const { status, headers, body: problem } = await request<{ code: string }>("POST", "/api/v1/jobs", body);
    expect([status, problem.code]).toEqual([429, "queue_full"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("its three health paths answer at the root", async () => {
    const service = await open();
    const worker = service.jobs.worker().register("email", () => undefined);
    await worker.start("email");
    await service.jobs.send({ type: "email", payload: welcome }, { queue: "email", delay: "1h" });
    for (const path of ["/health/jobs", "/health/queues", "/health/workers"]) {
      const { status, body } = await service.get<{ status: string }>(path);
      expect([path, status, body.status]).toEqual([path, 200, "ok"]);
    }
    const { body } = await service.get<{ workers: unknown }>("/health/workers");
    expect(JSON.stringify(body)).toContain(worker.id);
  });

  test("each of its six metrics has one here", async () => {
    const clock = new FakeClock();
    const { jobs } = await open(clock);
    const metrics = createMetrics({ only: jobs.queue, jobs: { jobs, maxAgeMs: 0 }, clock });
    onTestFinished(() => metrics.close());
    let runs = 0;
    const worker = jobs.worker().register("email", () => {
      runs += 1;
      if (runs === 1) throw new Error("421 try again later");
    });
    worker.on("failed", () => {});
    await jobs.send({ type: "email", payload: welcome }, { queue: "email" });
    const starting = worker.start("email");
    await clock.advance(MINUTE);
    await starting;
    await jobs.send({ type: "later", payload: welcome }, { queue: "later", delay: "1h" });
    const text = await metrics.registry.metrics();
    const ofSeed: Record<string, RegExp> = {
      go_mvc_jobs_enqueued_total: /^jobs_queued_total\{type="email",queue="email"\} 1$/m,
      go_mvc_jobs_processed_total: /^jobs_processed_total\{type="email",status="completed"\} 1$/m,
      go_mvc_jobs_duration_seconds: /^job_duration_seconds_count\{type="email"\} 2$/m,
      go_mvc_jobs_queue_size: /^jobs_unfinished\{queue="later",status="scheduled"\} 1$/m,
      go_mvc_jobs_active_workers: /^workers\{queue="email"\} 1$/m,
      go_mvc_jobs_retries_total: /^jobs_retried_total\{type="email",queue="email"\} 1$/m,
    };
    const missing = Object.entries(ofSeed).filter(([, line]) => !line.test(text));
    expect(missing).toEqual([]);
  });

  test("a caller may only submit the jobs that are permitted to it", async () => {
    const { jobs } = await open();
    await jobs
      .worker()
      .register("email", () => undefined)
      .register("data_cleanup", () => undefined)
      .start("email");
    const authorize = bearerTokens({
      "a-token-of-the-shop": { role: "operator", name: "shop", types: ["email"] },
      "a-token-of-the-auditor": { role: "viewer", name: "auditor" },
    });
    const api = jobsApi(jobs, { authorize });
    const post = async (token: string, type: string): Promise<number> => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      const body = JSON.stringify({ type, payload: welcome, queue: "email" });
      const answer = await api(
        new Request("http://jobs.example/api/v1/jobs", { method: "POST", headers, body }),
      );
      return answer.status;
    };
    expect(await post("a-token-of-the-shop", "email")).toBe(201);
    expect(await post("a-token-of-the-shop", "data_cleanup")).toBe(403);
    expect(await post("a-token-of-the-auditor", "email")).toBe(403);
    expect(await post("a-token-of-nobody", "email")).toBe(401);
  });

  test.each(["unique", "debounce", "notify", "schedule", "workflow_id"])(
    "a request for %s, which is not there yet, is refused by that name",
    async (member) => {
      const { jobs, request } = await openRest();
      await jobs
        .worker()
        .register("email", () => undefined)
        .start("email");
      const { status, body } = await request<{ detail: string }>("POST", "/api/v1/jobs", {
        type: "email",
        payload: welcome,
        queue: "email",
        [member]: {},
      });
      expect(status).toBe(400);
      expect(body.detail).toContain(`${member} is not supported yet; leave it out`);
    },
  );

  test("schedules in the configuration, which are not there yet, are refused with what to do until then", async () => {
    const jobs = { store: { memory: true }, schedules: { nightly: { cron: "0 3 * * *" } } };
    const opening = openJobs({ provider: "memory", jobs } as unknown as ConfigFile);
    await expect(opening).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringContaining("let a scheduler send the job, with an idempotency key"),
    });
  });

  test("a handler counts what its business needs, beside the duration that is measured for it", async () => {
    const clock = new FakeClock();
    const { jobs } = await open(clock);
    const counts = { sent: 0, bounced: 0 };
    const worker = jobs.worker().register<{ to: string }>("custom_job", ({ payload }) => {
      if (payload.to.endsWith("@nowhere.example")) {
        counts.bounced += 1;
        throw new PermanentError("550 no such mailbox");
      }
      counts.sent += 1;
    });
    worker.on("failed", () => {});
    for (const to of ["user@example.com", "gone@nowhere.example"])
      await jobs.send({ type: "custom_job", payload: { to } }, { queue: "default" });
    await runUntilIdle(worker, "default", { clock });
    expect(counts).toEqual({ sent: 1, bounced: 1 });
  });
});

/** The service with its requests, to be taken apart. */
async function openRest(): Promise<{ jobs: Service["jobs"]; request: Service["request"] }> {
  const service = await open();
  return { jobs: service.jobs, request: service.request.bind(service) };
}
