/**
 * Seed 004, "Background Tasks", as a journey.
 *
 * | seed                                        | here                                                                    |
 * | ------------------------------------------- | ----------------------------------------------------------------------- |
 * | database-backed queue                       | queues on any provider; records in SQLite, `store: { sqlite: "jobs.db" }`  |
 * | `console make:job EmailJob`                 | `queueport make:job EmailJob`: definition, handler and test                |
 * | `console make:cron`                         | refused: recurring jobs are not there yet                                  |
 * | `console list`                              | `queueport --help`; the registered types: `queueport jobs`                 |
 * | `Type()`                                    | `type` of `defineJob`                                                     |
 * | `Handle(payload)`                           | the handler; its payload is checked and typed                             |
 * | `MaxAttempts()`                             | `maxAttempts`                                                             |
 * | `RetryAfter()`, fixed                       | `backoff: { baseMs: "30s", factor: 1, jitter: false }`                     |
 * | `RetryAfter()`, exponential with a cap      | `backoff: { baseMs: "30s", factor: 2, capMs: "10m" }`; or a            |
 * |                                             | `RetryAfterError` that the handler throws, with `attempt` of its context  |
 * | `queue.RegisterJob` in `init()`             | `worker.register`; the worker command registers what the module exports   |
 * | `queue.Dispatch(job, data)`                 | `jobs.send(job.message(data))`                                            |
 * | `queue.New(10)`, `Start(1)`                 | `jobs.worker({ concurrency: 1 })`, `worker.start(queue)`                   |
 * | `NewPermanentError`                         | `throw new PermanentError(…)`                                             |
 * | `JobFinished`                               | `completed`; `finished` is accepted as a filter                           |
 * | `time.Sleep` in a test                      | `runUntilIdle` with a `FakeClock`: no time passes                          |
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, describe, onTestFinished, test } from "vitest";
import { z } from "zod";
import { openJobs } from "../../adapters/open.ts";
import { defineJob, isQueueError, PermanentError, RetryAfterError } from "../../src/index.ts";
import type { Jobs } from "../../src/jobs/index.ts";
import { FakeClock, runUntilIdle } from "../../src/testing/index.ts";
import { queueport } from "../cmd/run.ts";

/** `EmailJob` of the seed. */
const emailJob = defineJob({
  type: "send_email",
  queue: "emails",
  schema: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
  maxAttempts: 3,
  backoff: { baseMs: "30s", factor: 1, jitter: false },
});

/** `ImageProcessorJob` of the seed. */
const imageProcessorJob = defineJob({
  type: "process_image",
  queue: "images",
  schema: z.object({ image_url: z.string(), user_id: z.int(), process_type: z.enum(["resize", "compress"]) }),
  maxAttempts: 5,
  backoff: { baseMs: "1m", factor: 1, jitter: false },
});

const SECOND = 1_000;
const welcome = {
  to: "user@example.com",
  subject: "Welcome to Galaplate!",
  body: "Thank you for joining us.",
};

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "queueport-journey-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** Jobs whose records are in a database, on the clock of the test. */
async function open(clock: FakeClock): Promise<Jobs> {
  const jobs = await openJobs(
    {
      provider: "memory",
      jobs: { store: { sqlite: join(folder(), "jobs.db") }, migrate: true, namespace: "test" },
    },
    { definitions: [emailJob, imageProcessorJob], queue: { clock }, onWarning: () => {} },
  );
  onTestFinished(() => jobs.close());
  return jobs;
}

/** The seconds between the runs of an `EmailJob` that fails with the error that `fail` returns. */
async function waitsOf(
  fail: (attempt: number) => Error,
  options: Parameters<typeof emailJob.message>[1] = {},
): Promise<{ waits: number[]; job: Awaited<ReturnType<Jobs["get"]>> }> {
  const clock = new FakeClock();
  const jobs = await open(clock);
  const runs: number[] = [];
  const worker = jobs.worker({ concurrency: 1 }).on("failed", () => {});
  worker.register(emailJob, (_, { attempt }) => {
    runs.push(clock.now());
    throw fail(attempt);
  });
  const { id } = await jobs.send(emailJob.message(welcome, options));
  await runUntilIdle(worker, "emails", { clock });
  const waits = runs.slice(1).map((at, index) => (at - (runs[index] ?? 0)) / SECOND);
  return { waits, job: await jobs.get(id) };
}

describe("seed 004", () => {
  test("make:job writes the job, its handler and its test, under the names of the seed", async () => {
    const cwd = folder();
    const files = {
      EmailJob: "email",
      ProcessPaymentJob: "process-payment",
      ImageProcessorJob: "image-processor",
      NotificationJob: "notification",
    };
    const write = async ([name, file]: readonly [string, string]): Promise<void> => {
      const { code, stdout } = await queueport(["make:job", name], { cwd }).result;
      expect(code).toBe(0);
      expect(stdout).toContain(`jobs/${file}.handler.ts`);
      const written = readFileSync(join(cwd, `jobs/${file}.job.ts`), "utf8");
      expect(written).toContain(`type: "${file.replace("-", "_")}"`);
      // As in the seed's template.
      expect(written).toContain("maxAttempts: 3");
    };
    await Promise.all(Object.entries(files).map(write));
  });

  test("make:cron is refused with what to do until recurring jobs are there", async () => {
    const { code, stderr } = await queueport(["make:cron", "NightlyReport"]).result;
    expect(code).toBe(2);
    expect(stderr).toContain("recurring jobs are not supported yet");
    expect(stderr).toContain("idempotency key");
  });

  test("a dispatched job is processed, and its state is asserted, in the seed's integration test without its sleep", async () => {
    const clock = new FakeClock();
    const jobs = await open(clock);
    const sent: string[] = [];
    const worker = jobs.worker({ concurrency: 1 });
    worker.register(emailJob, ({ payload }) => void sent.push(`${payload.to}: ${payload.subject}`));

    const job = await jobs.send(emailJob.message(welcome));
    await runUntilIdle(worker, "emails", { clock });

    expect(await job.get()).toMatchObject({ type: "send_email", status: "completed" });
    expect((await jobs.list({ type: "send_email", status: "finished" })).total).toBe(1);
    expect(sent).toEqual(["user@example.com: Welcome to Galaplate!"]);
  });

  test("a job is stored before it is processed, and survives a worker that is not there", async () => {
    const clock = new FakeClock();
    const jobs = await open(clock);
    const job = await jobs.send(emailJob.message(welcome));
    expect(await job.get()).toMatchObject({ status: "queued", attempt: 0 });
    expect((await jobs.list({ status: "pending" })).total).toBe(1);
  });

  test("MaxAttempts 3 with RetryAfter 30 s runs three times, thirty seconds apart", async () => {
    const { waits, job } = await waitsOf(() => new Error("connection refused"));
    expect(waits).toEqual([30, 30]);
    expect(job).toMatchObject({ status: "failed", attempt: 3, deadLetterReason: "max_attempts" });
  });

  test("an exponential RetryAfter waits 30 s, 1, 2, 4 and 8 minutes, and then ten minutes at most", async () => {
    const { waits } = await waitsOf(() => new Error("connection refused"), {
      maxAttempts: 8,
      backoff: { baseMs: "30s", factor: 2, capMs: "10m", jitter: false },
    });
    expect(waits).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  test("a handler that knows its attempt can choose each wait on its own", async () => {
    const { waits } = await waitsOf((attempt) => new RetryAfterError({ seconds: 5 * attempt }, "busy"));
    expect(waits).toEqual([5, 10]);
  });

  test("a permanent error is not retried", async () => {
    const { waits, job } = await waitsOf(() => new PermanentError("no such mailbox"));
    expect(waits).toEqual([]);
    expect(job).toMatchObject({ status: "failed", attempt: 1, deadLetterReason: "permanent_error" });
  });

  test("a payload that does not fit is refused when it is dispatched", async () => {
    const jobs = await open(new FakeClock());
    const payload = { image_url: "https://example.com/a.jpg", user_id: 7, process_type: "rotate" };
    const error = await jobs
      .send(imageProcessorJob.message(payload as never))
      .catch((caught: unknown) => caught);
    expect(isQueueError(error, "invalid_payload")).toBe(true);
    expect((await jobs.list()).total).toBe(0);
  });

  test("the lines that a handler logs are kept with its job", async () => {
    const clock = new FakeClock();
    const jobs = await open(clock);
    const worker = jobs.worker();
    worker.register(imageProcessorJob, ({ payload }, { log }) => {
      log("info", "Processing image", { user_id: payload.user_id, type: payload.process_type });
    });
    const job = await jobs.send(
      imageProcessorJob.message({
        image_url: "https://example.com/a.jpg",
        user_id: 7,
        process_type: "resize",
      }),
    );
    await runUntilIdle(worker, "images", { clock });
    expect((await jobs.get(job.id, ["logs"]))?.logs).toMatchObject([
      { level: "info", message: "Processing image", fields: { user_id: 7, type: "resize" } },
    ]);
  });

  test("finished jobs are removed after their retention, to keep the database lean", async () => {
    const clock = new FakeClock();
    const jobs = await open(clock);
    const worker = jobs.worker().register(emailJob, () => undefined);
    const job = await jobs.send(emailJob.message(welcome));
    await runUntilIdle(worker, "emails", { clock });
    expect(await jobs.prune()).toBe(0);
    await clock.advance({ days: 8 });
    expect(await jobs.prune()).toBe(1);
    expect(await job.get()).toBeUndefined();
  });
});
