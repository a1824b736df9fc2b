import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { createJobs } from "../../../src/jobs/index.ts";
import { HOUR, MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "a", size: 1 } };
const DISPATCH_MS = 35 * SECOND;

const systemOf = ({ attributes }: { readonly attributes: Readonly<Record<string, string>> }): object =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith("qp_")));

describe("a job with an id", () => {
  test("is recorded, and sent at once by the process that recorded it", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const job = await jobs.send({ ...mail, id: "order-1" });
    expect(job).toMatchObject({ id: "order-1", created: true, tracked: true });
    const [message, ...others] = await fixture.messages();
    expect(others).toEqual([]);
    const createdAt = fixture.clock.now();
    expect(systemOf(message as never)).toEqual({ qp_job: `full t=${createdAt}` });
    expect(JSON.parse(String(message?.body))).toMatchObject({ id: "order-1", payload: mail.payload });
    expect(await job.get()).toMatchObject({ status: "queued" });
  });

  test("is there already for a second sender of the same message, whatever the order of its keys", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.send({ ...mail, id: "order-1" });
    const again = await jobs.send({ type: "mail", id: "order-1", payload: { size: 1, to: "a" } });
    expect(again).toMatchObject({ id: "order-1", created: false, tracked: true });
    expect(await fixture.messages()).toHaveLength(1);
  });

  test("is a conflict for a sender of another payload, type or queue, and nothing of it is sent", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.send({ ...mail, id: "order-1" });
    for (const [message, queue] of [
      [{ ...mail, payload: { to: "b" } }, "jobs"],
      [{ ...mail, type: "fax" }, "jobs"],
      [mail, "other"],
    ] as const) {
      const sending = jobs.send({ ...message, id: "order-1" }, { queue });
      await expect(sending).rejects.toMatchObject({ code: "conflict", retryable: false });
    }
    expect(await fixture.messages()).toHaveLength(1);
    expect(await fixture.messages("other")).toHaveLength(0);
  });

  test("is a conflict for another payload also if another system has sent the first", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    worker.register("mail", () => undefined);
    void worker.start("jobs");
    await fixture.queue.send("jobs", { ...mail, id: "order-1" });
    await fixture.clock.settle();
    const sending = jobs.send({ ...mail, id: "order-1", payload: { to: "b" } });
    await expect(sending).rejects.toMatchObject({ code: "conflict" });
    expect(await jobs.send({ ...mail, id: "order-1" })).toMatchObject({ created: false });
    const closing = watch(jobs.close());
    await fixture.clock.advance(MINUTE);
    expect(closing.state).toBe("resolved");
  });

  test("is one job for 100 simultaneous senders", async () => {
    const fixture = new JobsFixture();
    const all = await Promise.all([fixture.jobs(), fixture.jobs()]);
    const sending = Array.from({ length: 50 }, () =>
      all.map((jobs) => jobs.send(mail, { idempotencyKey: "k" })),
    );
    const sent = await Promise.all(sending.flat());
    expect(sent.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
    expect(await fixture.messages()).toHaveLength(1);
  });
});

describe("an idempotency key", () => {
  test("names one job for each tenant and queue", async () => {
    const jobs = await new JobsFixture().jobs();
    const idOf = async (options: object): Promise<string> =>
      (await jobs.send(mail, { idempotencyKey: "k", ...options })).id;
    const first = await idOf({});
    expect(await idOf({})).toBe(first);
    expect(new Set([first, await idOf({ tenant: "a" }), await idOf({ queue: "b" })]).size).toBe(3);
  });

  test("compares the hash that the sender gives in place of the payload's", async () => {
    const jobs = await new JobsFixture().jobs();
    const named = { idempotencyKey: "k", idempotencyHash: "h1" };
    await jobs.send(mail, named);
    expect((await jobs.send(mail, named)).created).toBe(false);
    await expect(jobs.send(mail, { ...named, idempotencyHash: "h2" })).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(jobs.send(mail, { ...named, queue: "other" })).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("a delayed job", () => {
  test("waits in its record, and is sent when it is due", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = new AbortController();
    const dispatching = watch(jobs.dispatch({ signal: stop.signal }));
    const dueAt = new Date(fixture.clock.now() + 3 * HOUR);
    const job = await jobs.send(mail, { delay: { at: dueAt } });
    expect(await job.get()).toMatchObject({ status: "scheduled", scheduledAt: dueAt });
    await fixture.clock.advance(3 * HOUR - 1);
    expect(await fixture.messages()).toHaveLength(0);
    await fixture.clock.advance(1);
    const [message] = await fixture.messages();
    expect(JSON.parse(String(message?.body))).toMatchObject({
      id: job.id,
      scheduled_at: dueAt.toISOString(),
    });
    expect(await job.get()).toMatchObject({ status: "queued" });
    stop.abort();
    await fixture.clock.settle();
    expect(dispatching.state).toBe("resolved");
  });

  test("is sent by one of two dispatchers", async () => {
    const fixture = new JobsFixture();
    const both = await Promise.all([fixture.jobs(), fixture.jobs()]);
    const stop = new AbortController();
    for (const jobs of both) void jobs.dispatch({ signal: stop.signal });
    await both[0]?.sendBatch(
      Array.from({ length: 250 }, () => mail),
      { delay: "1m" },
    );
    await fixture.clock.advance(MINUTE + SECOND);
    expect(await fixture.messages()).toHaveLength(250);
    stop.abort();
    await fixture.clock.settle();
  });

  test("is sent at once when it is promoted, and once only", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const { id } = await jobs.send(mail, { delay: "3 days" });
    expect(await jobs.promote(id)).toMatchObject({ id, status: "queued" });
    await jobs.promote(id).catch(() => undefined);
    expect(await fixture.messages()).toHaveLength(1);
  });

  test("is never sent once it is cancelled", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const stop = new AbortController();
    void jobs.dispatch({ signal: stop.signal });
    const job = await jobs.send(mail, { delay: "1m" });
    expect(await job.cancel("no longer wanted")).toBe("cancelled");
    expect(await job.cancel()).toBe("cancelled");
    await fixture.clock.advance(2 * MINUTE);
    expect(await fixture.messages()).toHaveLength(0);
    expect(await job.get()).toMatchObject({ status: "cancelled", cancelReason: "no longer wanted" });
    stop.abort();
    await fixture.clock.settle();
  });
});

describe("a job that is recorded first", () => {
  test("keeps no order and has no dedup id of its own", async () => {
    const jobs = await new JobsFixture().jobs();
    for (const extra of [{ orderingKey: "a" }, { dedupId: "a" }]) {
      const sending = jobs.send({ ...mail, ...extra }, { delay: "1m" });
      await expect(sending).rejects.toMatchObject({ code: "not_supported" });
    }
  });

  test("is refused if its message is too large for its queue", async () => {
    const jobs = await new JobsFixture({ emulate: "sqs", queues: ["jobs"] }).jobs();
    const large = { type: "mail", payload: "x".repeat(1_100_000), id: "a" };
    await expect(jobs.send(large)).rejects.toMatchObject({ code: "too_large" });
    expect(await jobs.get("a")).toBeUndefined();
  });

  test("is refused if its queue does not exist", async () => {
    const jobs = await new JobsFixture({ emulate: "sqs", queues: ["jobs"] }).jobs();
    const sending = jobs.send(mail, { queue: "jbos", delay: "1m" });
    await expect(sending).rejects.toMatchObject({ code: "not_found" });
  });

  test("is recorded although the provider cannot be reached, and sent when it is back", async () => {
    const fixture = new JobsFixture({ queues: ["jobs"] });
    const jobs = await fixture.jobs();
    const error = new DriverError("transient", "the provider is down");
    fixture.fault = () => ({ kind: "error", error });
    const sending = watch(jobs.send({ ...mail, id: "a" }));
    await fixture.clock.advance(2 * SECOND);
    expect(sending.value).toMatchObject({ created: true });
    const stop = new AbortController();
    void jobs.dispatch({ signal: stop.signal });
    await fixture.clock.advance(MINUTE);
    fixture.fault = () => undefined;
    await fixture.clock.advance(2 * MINUTE);
    expect(await fixture.messages()).toHaveLength(1);
    expect(await jobs.get("a")).toMatchObject({ status: "queued" });
    stop.abort();
    await fixture.clock.settle();
  });

  test("is named by its dispatch on a queue that deduplicates, so that a retry is not absorbed", async () => {
    const fixture = new JobsFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const jobs = await fixture.jobs({ queueOf: () => "jobs.fifo" });
    const job = await jobs.send({ ...mail, id: "a" });
    expect(await fixture.messages("jobs.fifo")).toHaveLength(1);
    await job.cancel();
    await jobs.retry("a");
    await fixture.clock.settle();
    expect(await fixture.queue.stats("jobs.fifo")).toMatchObject({ backlog: 2 });
  });
});

test("a send whose signal aborts before the record records nothing", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  const stop = new AbortController();
  const sending = watch(jobs.send({ ...mail, id: "a" }, { signal: stop.signal }));
  const reason = new Error("the request has ended");
  stop.abort(reason);
  await fixture.clock.settle();
  expect(sending.error).toBe(reason);
  expect(await jobs.get("a")).toBeUndefined();
});

describe("a process that dies", () => {
  test("between the record and the send leaves the job to another process, 35 s later", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    // The request of the first process never leaves it, as that of a process that stands still.
    fixture.fault = ({ operation }) =>
      operation === "send" ? { kind: "stall", until: new Promise(() => undefined) } : undefined;
    await jobs.send({ ...mail, id: "a" });
    await fixture.clock.settle();
    fixture.fault = () => undefined;
    const other = new JobsFixture({ clock: fixture.clock, driver: fixture.driver });
    const next = await createJobs(other.queue, { store: fixture.store });
    const stop = new AbortController();
    void next.dispatch({ signal: stop.signal });
    fixture.storeFault = ({ changes }) =>
      changes.some(({ kind }) => kind === "undispatched") ? "fail" : undefined;
    await fixture.clock.advance(DISPATCH_MS - SECOND);
    expect(await fixture.messages()).toHaveLength(0);
    await fixture.clock.advance(2 * SECOND);
    expect(await fixture.messages()).toHaveLength(1);
    stop.abort();
    await fixture.clock.settle();
  });
});
