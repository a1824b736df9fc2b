import { describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import type { Jobs } from "../../../src/jobs/index.ts";
import { HOUR, MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const resize = { type: "resize", payload: { width: 4 } };

/** Jobs with a worker that runs. */
async function working(
  fixture: JobsFixture,
  handler: (payload: { width: number }) => unknown,
): Promise<Jobs> {
  const jobs = await fixture.jobs();
  const worker = jobs.worker();
  worker.register("resize", ({ payload }) => handler(payload) as never);
  const starting = worker.start("jobs");
  await fixture.clock.settle();
  await starting;
  return jobs;
}

describe("the result of a job", () => {
  test("is the value that its handler returned", async () => {
    const fixture = new JobsFixture();
    const jobs = await working(fixture, ({ width }) => ({ area: width * width }));
    const job = await jobs.send<{ area: number }>(resize);
    const result = watch(job.result());
    await fixture.clock.settle();
    expect(result.value).toEqual({ area: 16 });
    expect(await jobs.job(job.id).result()).toEqual({ area: 16 });
    await jobs.close();
  });

  test("is undefined if its handler returned nothing", async () => {
    const fixture = new JobsFixture();
    const jobs = await working(fixture, () => undefined);
    const result = watch((await jobs.send(resize)).result());
    await fixture.clock.settle();
    expect(result).toMatchObject({ state: "resolved", value: undefined });
    await jobs.close();
  });

  test("rejects with the error of the last run when the job failed", async () => {
    const fixture = new JobsFixture();
    const jobs = await working(fixture, () => {
      throw new PermanentError("no such image");
    });
    const job = await jobs.send(resize);
    const result = watch(job.result());
    await fixture.clock.settle();
    expect(result.error).toMatchObject({
      code: "job_failed",
      queue: "jobs",
      message: expect.stringContaining("no such image"),
    });
    await jobs.close();
  });

  test("rejects as cancelled when the job was cancelled, with the reason", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const job = await jobs.send(resize);
    const result = watch(job.result());
    await job.cancel("user left");
    await fixture.clock.settle();
    expect(result.error).toMatchObject({
      code: "cancelled",
      message: `Job ${job.id} was cancelled: user left.`,
    });
  });

  test("rejects as timeout when the job takes longer, and as untracked when nobody knows it", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const job = await jobs.send(resize);
    const waiting = watch(job.result({ timeoutMs: "30s" }));
    const unknown = watch(jobs.job("nobody").result({ timeoutMs: 30_000 }));
    await fixture.clock.advance(29 * SECOND);
    expect([waiting.state, unknown.state]).toEqual(["pending", "pending"]);
    await fixture.clock.advance(SECOND);
    expect(waiting.error).toMatchObject({ code: "timeout", retryable: true });
    expect(unknown.error).toMatchObject({ code: "untracked" });
  });

  test("rejects with the reason of its signal", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = new AbortController();
    const result = watch((await jobs.send(resize)).result({ signal: stop.signal }));
    const reason = new Error("the request has ended");
    stop.abort(reason);
    await fixture.clock.settle();
    expect(result.error).toBe(reason);
  });

  test("is found within two seconds although every hint of the store is lost", async () => {
    const fixture = new JobsFixture();
    Object.assign(fixture.store, { listen: () => () => undefined });
    const jobs = await fixture.jobs();
    const job = await jobs.send(resize);
    const result = watch(job.result());
    await fixture.clock.settle();
    await job.cancel();
    await fixture.clock.advance(2 * SECOND);
    expect(result.state).toBe("rejected");
  });

  test("is found when the store is back after an outage", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const job = await jobs.send(resize);
    const result = watch(job.result());
    await fixture.clock.settle();
    fixture.storeFault = () => "fail";
    await fixture.clock.advance(MINUTE);
    expect(result.state).toBe("pending");
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(10 * SECOND);
    await job.cancel();
    await fixture.clock.advance(2 * SECOND);
    expect(result.error).toMatchObject({ code: "cancelled" });
  });

  test("is waited for by many, with one request every two seconds", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const sent = await jobs.sendBatch(Array.from({ length: 300 }, () => resize));
    const results = sent.map((one) => watch(one.ok ? one.job.result() : Promise.reject(one.error)));
    await fixture.clock.settle();
    let reads = 0;
    fixture.storeFault = ({ method }) => {
      if (method === "get") reads += 1;
      return undefined;
    };
    await fixture.clock.advance(20 * SECOND);
    expect(reads).toBeLessThanOrEqual(11);
    await jobs.cancelAll({ type: "resize" });
    await fixture.clock.settle();
    expect(results.filter(({ state }) => state === "rejected")).toHaveLength(300);
  });
});

test("a job that was cancelled in advance does not run", async () => {
  const fixture = new JobsFixture();
  let runs = 0;
  const jobs = await working(fixture, () => (runs += 1));
  expect(await jobs.cancel("order-7")).toBe("cancelled");
  const job = await jobs.send({ ...resize, id: "order-7" });
  expect(job.created).toBe(false);
  await fixture.clock.advance(HOUR);
  expect(runs).toBe(0);
  await expect(jobs.cancel("order-8", { onlyKnown: true })).rejects.toMatchObject({ code: "not_found" });
  await jobs.close();
});
