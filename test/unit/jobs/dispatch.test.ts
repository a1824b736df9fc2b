import { describe, expect, test } from "vitest";
import * as z from "zod";
import { memory } from "../../../adapters/memory/index.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, memoryJobStore } from "../../../src/jobs/index.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { Door, HOUR, MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "a" } };

/** Jobs whose due messages are sent until the returned function is called. */
function dispatching(
  fixture: JobsFixture,
  jobs: Awaited<ReturnType<JobsFixture["jobs"]>>,
): () => Promise<void> {
  const stop = new AbortController();
  const ended = jobs.dispatch({ signal: stop.signal });
  return async () => {
    stop.abort();
    await fixture.clock.settle();
    await ended;
  };
}

describe("a message that cannot be sent from its record", () => {
  test("fails its job as undispatchable if no later send could work", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = dispatching(fixture, jobs);
    const { id } = await jobs.send(mail, { delay: "1m" });
    fixture.fault = ({ operation }) =>
      operation === "send" ? { kind: "error", error: new DriverError("too_large", "no") } : undefined;
    await fixture.clock.advance(2 * MINUTE);
    expect(await jobs.get(id)).toMatchObject({
      status: "failed",
      deadLetterReason: "undispatchable",
      error: { code: "too_large" },
    });
    fixture.fault = () => undefined;
    await jobs.retry(id);
    expect(await fixture.messages()).toHaveLength(1);
    expect(fixture.warnings.map(([code]) => code)).toContain("dispatch");
    await stop();
  });

  test("is tried again with a growing wait if the provider is down, and the job says why it waits", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = dispatching(fixture, jobs);
    const { id } = await jobs.send(mail, { delay: "1m" });
    let sends = 0;
    fixture.fault = ({ operation }) => {
      if (operation !== "send") return undefined;
      sends += 1;
      return { kind: "error", error: new DriverError("auth", "the token has expired") };
    };
    await fixture.clock.advance(MINUTE);
    expect(await jobs.explain(id)).toEqual([
      'Its message could not be sent to queue "jobs", 1 times so far: Could not send to queue "jobs" (memory): the token has expired. Check the credentials and their permissions. The next try is at 2026-01-01T00:01:01.000Z.',
    ]);
    await fixture.clock.advance(HOUR);
    expect(sends).toBeGreaterThan(30);
    expect(sends).toBeLessThan(80);
    fixture.fault = () => undefined;
    await fixture.clock.advance(2 * MINUTE);
    expect(await fixture.messages()).toHaveLength(1);
    await stop();
  });

  test("fails its job when its queue stays missing for minutes", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = dispatching(fixture, jobs);
    const { id } = await jobs.send(mail, { delay: "1m" });
    fixture.fault = ({ operation }) =>
      operation === "send" ? { kind: "error", error: new DriverError("not_found", "no queue") } : undefined;
    await fixture.clock.advance(5 * MINUTE);
    expect(await jobs.get(id)).toMatchObject({ status: "scheduled" });
    await fixture.clock.advance(5 * MINUTE);
    expect(await jobs.get(id)).toMatchObject({ status: "failed", error: { code: "not_found" } });
    await stop();
  });
});

describe("dispatch", () => {
  test("takes up what is due when the store is back", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = dispatching(fixture, jobs);
    await jobs.send(mail, { delay: "1m" });
    fixture.storeFault = () => "fail";
    await fixture.clock.advance(HOUR);
    expect(await fixture.messages()).toHaveLength(0);
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(10 * SECOND);
    expect(await fixture.messages()).toHaveLength(1);
    await stop();
  });

  test("sends a thousand jobs that are due at once", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.sendBatch(
      Array.from({ length: 1_000 }, () => mail),
      { delay: "1m" },
    );
    await fixture.clock.advance(MINUTE);
    const stop = dispatching(fixture, jobs);
    await fixture.clock.advance(SECOND);
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 1_000 });
    await stop();
  });

  test("sends the jobs of a queue while the sends of hundreds of jobs to another one hang", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.sendBatch(
      Array.from({ length: 300 }, () => mail),
      { delay: "1m", queue: "slow" },
    );
    await jobs.send(mail, { delay: "61s", queue: "fast" });
    const hanging = new Door();
    fixture.fault = ({ operation, queue }) =>
      operation === "send" && queue === "slow" ? { kind: "stall", until: hanging.opened } : undefined;
    const stop = dispatching(fixture, jobs);
    await fixture.clock.advance(65 * SECOND);
    expect(await fixture.queue.stats("fast")).toMatchObject({ messages: 1 });
    const taken = (
      await fixture.store.list(jobs.namespace, { queue: ["slow"] }, { limit: 300, order: "oldest" })
    ).rows.filter(({ dispatch }) => (dispatch?.takenUntil ?? 0) > 0);
    expect(taken.length).toBeLessThan(200);
    fixture.fault = () => undefined;
    hanging.open();
    await fixture.clock.advance(2 * MINUTE);
    expect(await fixture.queue.stats("slow")).toMatchObject({ messages: 300 });
    await stop();
  });

  test("waits in its stop for the sends that have begun", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.send(mail, { delay: "1m" });
    await fixture.clock.advance(MINUTE);
    let answer: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    fixture.fault = () => ({ kind: "stall", until });
    const stop = new AbortController();
    const ended = watch(jobs.dispatch({ signal: stop.signal }));
    await fixture.clock.settle();
    stop.abort();
    await fixture.clock.settle();
    expect(ended.state).toBe("pending");
    answer();
    await fixture.clock.settle();
    expect(ended.state).toBe("resolved");
    expect((await jobs.list({ status: "queued" })).total).toBe(1);
    await expect(jobs.dispatch({ signa: stop.signal } as never)).rejects.toThrow("did you mean signal?");
  });
});

test("the end of a dispatch that cannot be written is given up at the third try, without a wait after it", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  await jobs.send(mail, { delay: "1m" });
  await fixture.clock.advance(MINUTE);
  const stop = new AbortController();
  const ended = watch(jobs.dispatch({ signal: stop.signal }));
  const notes: number[] = [];
  fixture.storeFault = ({ changes }) => {
    if (changes.every(({ kind }) => kind !== "dispatched")) return undefined;
    notes.push(fixture.clock.now());
    return "hang";
  };
  await fixture.clock.settle();
  stop.abort();
  await fixture.clock.advance(7.9 * SECOND);
  expect(ended.state).toBe("pending");
  await fixture.clock.advance(200);
  expect(notes.map((at) => at - notes[0]!)).toEqual([0, 3_000, 6_000]);
  expect(ended.state).toBe("resolved");
});

test("a job of an encoder that leaves the creation out is recognised as the one that was recorded", async () => {
  const fixture = new JobsFixture();
  const queue = createQueue(fixture.driver, {
    clock: fixture.clock,
    encode: ({ id, type }, payload) => ({ body: `{"id":"${id}","type":"${type}","payload":${payload}}` }),
  });
  const jobs = await createJobs(queue, {
    store: memoryJobStore({ clock: fixture.clock }),
    queueOf: () => "jobs",
  });
  const worker = jobs.worker();
  worker.register("mail", () => "sent");
  void worker.start("jobs");
  await fixture.clock.settle();
  const job = await jobs.send({ ...mail, id: "a" });
  await fixture.clock.advance(SECOND);
  expect(await job.get()).toMatchObject({ status: "completed" });
  const closing = jobs.close();
  await fixture.clock.advance(MINUTE);
  await closing;
});

test("a message without schema and attempts gets those of the definition of its type", async () => {
  const fixture = new JobsFixture();
  const sized = defineJob({ type: "sized", schema: z.object({ width: z.int() }), maxAttempts: 2 });
  const jobs = await fixture.jobs({ definitions: [sized] });
  const sending = jobs.send({ type: "sized", payload: { width: "wide" } });
  await expect(sending).rejects.toMatchObject({ code: "invalid_payload" });
  const job = await jobs.send({ type: "sized", payload: { width: 4 } });
  expect(await job.get()).toMatchObject({ maxAttempts: 2 });
});

describe("a process whose clock is ahead of that of the store", () => {
  test("sends a job when it is due by the store, and does not ask for it all the time until then", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    let isDispatching = false;
    let looks = 0;
    const store = memoryJobStore({ clock });
    const takeDue = store.takeDue.bind(store);
    store.takeDue = (...given) => {
      if (isDispatching) looks += 1;
      return takeDue(...given);
    };
    const ahead: Clock = {
      now: () => clock.now() + MINUTE,
      monotonic: () => clock.monotonic(),
      timer: (...given) => clock.timer(...given),
    };
    const queue = createQueue(memory({ clock: ahead }));
    const jobs = await createJobs(queue, { store, queueOf: () => "jobs" });
    const { id } = await jobs.send(mail, { delay: "30s" });
    const stop = dispatching(fixture, jobs);
    isDispatching = true;
    await clock.advance(29 * SECOND);
    expect(looks).toBeLessThan(400);
    expect(await jobs.get(id)).toMatchObject({ status: "scheduled" });
    await clock.advance(2 * SECOND);
    expect(await jobs.get(id)).toMatchObject({ status: "queued" });
    await stop();
    await jobs.close();
    await queue.close();
    expect(clock.pending).toBe(0);
  });
});
