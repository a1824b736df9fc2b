import { describe, expect, test } from "vitest";
import { HOUR, MINUTE, SECOND } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: {} };

describe("explain says", () => {
  test("that a job waits, that others wait longer, and that no worker is there", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.send(mail);
    await fixture.clock.advance(SECOND);
    const { id } = await jobs.send(mail);
    expect(await jobs.explain(id)).toEqual([
      'It was sent to queue "jobs", and waits for a worker.',
      "No worker was seen within the last minute.",
      '1 jobs of queue "jobs" have waited longer.',
    ]);
  });

  test("that the workers work on other queues, or have no handler for the type", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const worker = jobs.worker({ concurrency: 3 });
    worker.on("failed", () => undefined);
    worker.on("warning", () => undefined);
    worker.register("fax", () => undefined);
    void worker.start("jobs");
    await fixture.clock.settle();
    const elsewhere = await jobs.send(mail, { queue: "other" });
    const unknown = await jobs.send(mail);
    expect((await elsewhere.get())?.status).toBe("queued");
    expect(await jobs.explain(elsewhere.id)).toContain(
      '1 workers are live, and none of them works on queue "other".',
    );
    expect(await jobs.explain(unknown.id)).toContain(
      '1 workers work on queue "jobs", and none of them has a handler for type "mail".',
    );
    const closing = jobs.close();
    await fixture.clock.advance(MINUTE);
    await closing;
  });

  test("when a scheduled job is due, and that a due one is not sent", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const { id } = await jobs.send(mail, { delay: "1h" });
    expect(await jobs.explain(id)).toEqual(["It is due at 2026-01-01T01:00:00.000Z, 60 min from now."]);
    await fixture.clock.advance(HOUR + MINUTE);
    expect(await jobs.get(id)).toMatchObject({ isOverdue: true });
    expect((await jobs.explain(id))[0]).toContain(
      "It is due since 2026-01-01T01:00:00.000Z, and its message is not sent",
    );
  });

  test("how a job ended, and what is known of one without a record", async () => {
    const jobs = await new JobsFixture().jobs();
    const job = await jobs.send(mail);
    await job.cancel("user left");
    expect(await jobs.explain(job.id)).toEqual(["It was cancelled at 2026-01-01T00:00:00.000Z: user left."]);
    expect(await jobs.explain("nobody")).toEqual([
      expect.stringContaining('There is no record of job "nobody"'),
    ]);
  });

  test("on which worker a job runs, and since when it has not been heard of", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    worker.on("failed", () => undefined);
    let end: () => void = () => undefined;
    worker.register("mail", () => new Promise<void>((resolve) => (end = resolve)));
    void worker.start("jobs");
    await fixture.clock.settle();
    const { id } = await jobs.send(mail);
    await fixture.clock.advance(MINUTE);
    expect(await jobs.explain(id)).toEqual([
      `It runs on worker ${worker.id} since 2026-01-01T00:00:00.000Z, as attempt 1 of 5.`,
    ]);
    end();
    await fixture.clock.settle();
    expect(await jobs.explain(id)).toEqual(["It completed at 2026-01-01T00:01:00.000Z."]);
    const closing = jobs.close();
    await fixture.clock.advance(MINUTE);
    await closing;
  });
});

describe("health", () => {
  test("is ok if jobs wait and a worker is there, and counts what is unfinished", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    expect(await jobs.health()).toMatchObject({ status: "ok", problems: [], workers: 0 });
    await jobs.send(mail);
    await fixture.clock.advance(5 * SECOND);
    expect(await jobs.health()).toMatchObject({
      status: "degraded",
      problems: ["Jobs wait, and no worker was seen within a minute."],
      oldestQueuedMs: 5 * SECOND,
      unfinished: [{ queue: "jobs", type: "mail", status: "queued", count: 1 }],
      store: { name: "memory", reachable: true, journaled: 0, dropped: 0 },
    });
  });

  test("is degraded if jobs that are due are not sent", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.send(mail, { delay: "1m" });
    await fixture.clock.advance(MINUTE + 11 * SECOND);
    const { status, problems, dispatchLagMs } = await jobs.health();
    expect({ status, dispatchLagMs }).toEqual({ status: "degraded", dispatchLagMs: 11 * SECOND });
    expect(problems[0]).toContain("Start a worker of jobs.worker(), or jobs.dispatch().");
  });
});

test("the jobs that ended are counted by the minute", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  const since = new Date(fixture.clock.now());
  await (await jobs.send(mail)).cancel();
  expect(await jobs.minutes(since)).toMatchObject([
    { queue: "jobs", type: "mail", status: "cancelled", count: 1 },
  ]);
  expect(await jobs.counts()).toEqual([]);
  expect(await jobs.workers()).toEqual([]);
  await expect(jobs.minutes("now" as never)).rejects.toThrow("minutes takes a valid Date");
});
