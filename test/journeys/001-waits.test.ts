/**
 * The waits and retries of seed 001 by a clock that is turned, with records in memory: such a clock does not wait for the
 * answers of a server.
 */
import { describe, expect, test } from "vitest";
import { PermanentError } from "../../src/index.ts";
import type { JobsWorker } from "../../src/jobs/index.ts";
import { FakeClock, runUntilIdle } from "../../src/testing/index.ts";
import { email, reportGeneration, testEmail } from "./jobs.ts";
import { openOn } from "./seed-001.ts";

/** Lets each run of an email fail. Returns the waits between the runs so far, in milliseconds. */
function failing(worker: JobsWorker, clock: FakeClock): () => readonly number[] {
  const runs: number[] = [];
  worker.register(email, () => {
    runs.push(clock.now());
    throw new Error("421 try again later");
  });
  return () => runs.slice(1).map((at, index) => at - (runs[index] ?? 0));
}

const open = (clock: FakeClock): ReturnType<typeof openOn> =>
  openOn({ provider: "memory", jobs: { store: { memory: true } } }, clock);

describe("seed 001, by the clock", () => {
  test("a job that fails is retried after 1, 2, 4, 8 and 16 seconds, and is then a dead letter", async () => {
    const clock = new FakeClock();
    const { service, worker } = await open(clock);
    const waits = failing(worker, clock);
    const job = await service.jobs.send(email.message(testEmail.payload));
    await runUntilIdle(worker, "emails", { clock });

    expect(waits()).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(await job.get()).toMatchObject({
      status: "failed",
      attempt: 6,
      deadLetterReason: "max_attempts",
      error: { message: "Error: 421 try again later" },
    });
    const { failed } = await service.jobs.queue.stats("emails");
    expect(failed).toBe(1);
  });

  test("the longest wait is `max_retry_delay`", async () => {
    const clock = new FakeClock();
    const { service, worker } = await open(clock);
    const waits = failing(worker, clock);
    await service.jobs.send(email.message(testEmail.payload, { maxAttempts: 9 }));
    await runUntilIdle(worker, "emails", { clock });
    expect(Math.max(...waits())).toBe(60_000);
  });

  test("a permanent error and a payload that does not fit are dead letters at once", async () => {
    const clock = new FakeClock();
    const { service, worker } = await open(clock);
    worker.register(email, () => {
      throw new PermanentError("550 no such mailbox");
    });
    const job = await service.jobs.send(email.message(testEmail.payload));
    // An older sender, in another language, that knows nothing of the schema.
    const { id } = await service.jobs.queue.send("emails", { type: "email", payload: { to: "nobody" } });
    await runUntilIdle(worker, "emails", { clock });
    expect(await job.get()).toMatchObject({ attempt: 1, deadLetterReason: "permanent_error" });
    expect(await service.jobs.get(id)).toMatchObject({
      status: "failed",
      deadLetterReason: "invalid_payload",
    });
  });

  test("a job that failed in part goes on where it was", async () => {
    const clock = new FakeClock();
    const { service, worker } = await open(clock);
    const done: string[] = [];
    worker.register(reportGeneration, async (_, { iterate, step, attempt }) => {
      const rows = await step("collect", () => {
        done.push("collect");
        return ["north", "south", "west"];
      });
      await iterate(rows, {
        key: "rows",
        flushMs: 0,
        each: (row: string) => {
          if (row === "south" && attempt === 1) throw new Error("connection reset");
          done.push(row);
        },
      });
    });
    const payload = {
      report_type: "monthly_sales",
      format: "pdf",
      date_range: { start: "2024-01-01", end: "2024-01-31" },
    } as const;
    const job = await service.jobs.send(reportGeneration.message(payload));
    await runUntilIdle(worker, "reports", { clock });
    expect(await job.get()).toMatchObject({ status: "completed", attempt: 2 });
    expect(done).toEqual(["collect", "north", "south", "west"]);
  });

  test("a job that takes longer than `job_timeout` fails, and its signal aborts", async () => {
    const clock = new FakeClock();
    const { service, worker } = await open(clock);
    worker.register(
      email,
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
    );
    const job = await service.jobs.send(email.message(testEmail.payload, { maxAttempts: 1 }));
    await runUntilIdle(worker, "emails", { clock });
    expect(await job.get()).toMatchObject({
      status: "failed",
      error: { code: "timeout" },
      durationMs: 300_000,
    });
  });
});
