import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { PermanentError } from "../../../src/errors.ts";
import { createJobs, type Jobs } from "../../../src/jobs/index.ts";
import { faultyJobStore } from "../../../src/jobs/testing/faulty-job-store.ts";
import { MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "a" } };

/** A worker of other jobs on the same queue and store, as of another process. */
async function otherWorker(
  fixture: JobsFixture,
  handler: (payload: unknown) => unknown,
): Promise<{ readonly jobs: Jobs; readonly close: () => Promise<void> }> {
  const jobs = await fixture.jobs();
  const worker = jobs.worker();
  worker.on("failed", () => undefined);
  worker.register("mail", async ({ payload }) => handler(payload) as never);
  const starting = worker.start("jobs");
  await fixture.clock.settle();
  await starting;
  const close = async (): Promise<void> => {
    const closing = jobs.close();
    await fixture.clock.advance(MINUTE);
    await closing;
  };
  return { jobs, close };
}

/** Jobs of a process that does not reach the store from a moment on: what it does after that is lost with it. */
async function dying(fixture: JobsFixture): Promise<{ readonly jobs: Jobs; die: () => void }> {
  let isDead = false;
  const store = faultyJobStore(fixture.store, {
    clock: fixture.clock,
    before: () => (isDead ? "hang" : undefined),
  });
  const jobs = await createJobs(fixture.queue, { store, queueOf: () => "jobs", onWarning: () => undefined });
  return { jobs, die: () => (isDead = true) };
}

describe("a process that sends a plain job", () => {
  test("leaves no record if the broker refuses the message", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    fixture.fault = () => ({ kind: "error", error: new DriverError("auth", "no") });
    await expect(jobs.send(mail)).rejects.toMatchObject({ code: "auth" });
    expect((await jobs.list()).total).toBe(0);
  });

  test("and dies before the record leaves the record to the claim of a worker", async () => {
    const fixture = new JobsFixture();
    const { jobs: first, die } = await dying(fixture);
    die();
    const sent = watch(first.send(mail, { tenant: "acme" }));
    await fixture.clock.advance(SECOND);
    expect(sent.value).toMatchObject({ tracked: false });
    const { jobs, close } = await otherWorker(fixture, () => "done");
    await fixture.clock.advance(SECOND);
    expect(await jobs.get(sent.value?.id ?? "", ["result"])).toMatchObject({
      status: "completed",
      result: "done",
      tenant: "acme",
    });
    await close();
  });

  test("has its job recorded once if the answer to the record is lost", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    let losses = 1;
    fixture.storeFault = ({ method }) => (method === "apply" && losses-- > 0 ? "lose" : undefined);
    const sent = watch(jobs.send(mail, { tags: ["a"] }));
    await fixture.clock.advance(SECOND);
    expect(sent.value).toMatchObject({ tracked: true });
    expect((await jobs.list({ tag: "a" })).total).toBe(1);
  });

  test("adds its tags to the record of a worker that was faster, and sets nothing back", async () => {
    const fixture = new JobsFixture();
    const { jobs, close } = await otherWorker(fixture, () => "done");
    fixture.storeFault = ({ changes }) => (changes.some(({ kind }) => kind === "insert") ? 500 : undefined);
    const sent = watch(jobs.send(mail, { tags: ["slow"] }));
    await fixture.clock.advance(MINUTE);
    expect(sent.value).toMatchObject({ tracked: true });
    expect(await sent.value?.get()).toMatchObject({ status: "completed", tags: ["slow"] });
    await close();
  });
});

describe("a job that is recorded first", () => {
  test("is cancelled although its message is on its way, and does not run", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const { jobs, close } = await otherWorker(fixture, () => (runs += 1));
    let send: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (send = resolve));
    fixture.fault = ({ operation }) => (operation === "send" ? { kind: "stall", until } : undefined);
    const job = await jobs.send({ ...mail, id: "a" });
    await fixture.clock.settle();
    expect(await job.cancel()).toBe("cancelled");
    fixture.fault = () => undefined;
    send();
    await fixture.clock.advance(MINUTE);
    expect(runs).toBe(0);
    expect(await job.get()).toMatchObject({ status: "cancelled" });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0, inFlight: 0 });
    await close();
  });

  test("is sent by another process 35 s later if its own dies before the send", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const { jobs: first, die } = await dying(fixture);
    let sends = 0;
    fixture.fault = ({ operation }) => {
      if (operation !== "send" || (sends += 1) > 1) return undefined;
      return { kind: "stall", until: new Promise(() => undefined) };
    };
    await first.send({ ...mail, id: "a" });
    die();
    const { jobs, close } = await otherWorker(fixture, () => (runs += 1));
    await fixture.clock.advance(34 * SECOND);
    expect(runs).toBe(0);
    await fixture.clock.advance(3 * SECOND);
    expect(runs).toBe(1);
    expect(await jobs.get("a")).toMatchObject({ status: "completed" });
    await close();
  });

  test("runs once if its process dies between the send and its confirmation", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const { jobs: first, die } = await dying(fixture);
    const sent = await first.send({ ...mail, id: "a" });
    die();
    await fixture.clock.settle();
    expect(sent.created).toBe(true);
    const { jobs, close } = await otherWorker(fixture, () => (runs += 1));
    await fixture.clock.advance(5 * MINUTE);
    expect(runs).toBe(1);
    expect(await jobs.get("a")).toMatchObject({ status: "completed" });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0, inFlight: 0 });
    await close();
  });
});

describe("a job that was retried from its record", () => {
  test("does not run again when its old dead letter is redriven", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const { jobs, close } = await otherWorker(fixture, () => {
      runs += 1;
      if (runs === 1) throw new PermanentError("no");
    });
    const { id } = await jobs.send(mail);
    await fixture.clock.advance(SECOND);
    await jobs.retry(id);
    await fixture.clock.advance(SECOND);
    expect(await jobs.get(id)).toMatchObject({ status: "completed" });
    const redriving = watch(fixture.queue.deadLetters("jobs").redrive());
    await fixture.clock.advance(MINUTE);
    expect(redriving.value).toMatchObject({ redriven: 1 });
    expect(runs).toBe(2);
    expect(await jobs.get(id)).toMatchObject({ status: "completed" });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0, inFlight: 0, failed: 0 });
    await close();
  });
});
