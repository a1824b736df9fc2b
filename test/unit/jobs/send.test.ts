import { describe, expect, test } from "vitest";
import * as z from "zod";
import { isQueueError } from "../../../src/errors.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "a" } };

describe("a plain job", () => {
  test("is sent to its queue and recorded, with all that its sender said", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const job = await jobs.send(
      { ...mail, maxAttempts: 3, headers: { lang: "de" }, trace },
      { tags: ["import"], tenant: "acme", priority: "high" },
    );
    expect(job).toMatchObject({ queue: "jobs", created: true, tracked: true });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 1 });
    expect(await jobs.get(job.id, ["payload"])).toEqual({
      id: job.id,
      type: "mail",
      status: "queued",
      queue: "jobs",
      priority: "high",
      version: 1,
      tenant: "acme",
      tags: ["import"],
      traceId: "0af7651916cd43dd8448eb211c80319c",
      maxAttempts: 3,
      attempt: 0,
      attempts: [],
      payload: { to: "a" },
      createdAt: new Date(fixture.clock.now()),
      updatedAt: new Date(fixture.clock.now()),
    });
  });

  test("is recorded as it was when it was sent, although its sender changes it at once", async () => {
    const jobs = await new JobsFixture().jobs({ maxJobs: { limited: 5 } });
    for (const queue of ["jobs", "limited"]) {
      const payload = { list: [1] };
      const sending = jobs.send({ type: "mail", payload }, { queue });
      payload.list.push(2);
      const { id } = await sending;
      expect((await jobs.get(id, ["payload"]))?.payload).toEqual({ list: [1] });
    }
  });

  test("gets its attempts from its message, its definition, or the jobs, in this order", async () => {
    const report = defineJob({ type: "report", schema: z.object({}), maxAttempts: 7 });
    const jobs = await new JobsFixture().jobs({ definitions: [report], maxAttempts: 9 });
    const attempts = async (message: Parameters<typeof jobs.send>[0]): Promise<number | undefined> =>
      (await (await jobs.send(message)).get())?.maxAttempts;
    expect(await attempts({ type: "report", payload: {}, maxAttempts: 2 })).toBe(2);
    expect(await attempts({ type: "report", payload: {} })).toBe(7);
    expect(await attempts(mail)).toBe(9);
  });

  test("is sent and not recorded if its type is not tracked", async () => {
    const fixture = new JobsFixture();
    const off = defineJob({ type: "mail", schema: z.unknown(), track: "off" });
    const jobs = await fixture.jobs({ definitions: [off] });
    const job = await jobs.send(mail, { delay: "1m" });
    expect(job.tracked).toBe(false);
    expect(await job.get()).toBeUndefined();
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0, delayed: 1 });
    await expect(jobs.send(mail, { idempotencyKey: "k" })).rejects.toMatchObject({
      code: "not_supported",
    });
  });
});

test("a job whose record the store takes for an old one is sent, and a warning says why", async () => {
  const fixture = new JobsFixture();
  const ahead = new JobsFixture();
  ahead.clock.setTime(fixture.clock.now() + 60 * MINUTE);
  const jobs = await fixture.jobs({ store: ahead.store });
  expect(await jobs.send(mail)).toMatchObject({ created: true, tracked: false });
  expect(fixture.warnings).toEqual([
    ["untracked", expect.stringContaining("Set the clock of this machine.")],
  ]);
});

describe("the queue of a job", () => {
  test("is that of the send, of the definition, or of queueOf, in this order", async () => {
    const report = defineJob({ type: "report", schema: z.object({}), queue: "reports" });
    const jobs = await new JobsFixture().jobs({ definitions: [report], queueOf: ({ type }) => `of-${type}` });
    expect((await jobs.send(report.message({}), { queue: "given" })).queue).toBe("given");
    expect((await jobs.send(report.message({}))).queue).toBe("reports");
    expect((await jobs.send(mail)).queue).toBe("of-mail");
  });

  test("must be known: the error says how to name it", async () => {
    const jobs = await new JobsFixture().jobs({ queueOf: undefined });
    await expect(jobs.send(mail)).rejects.toThrow(
      'The queue of job type "mail" is not known. Give send the option queue, or name the queue in its definition',
    );
  });
});

describe("a job of a wrong form", () => {
  const cases: readonly [string, object, object, string][] = [
    ["an unknown option", mail, { queu: "a" }, 'send: unknown option "queu"; did you mean queue?'],
    ["an unknown priority", mail, { priority: "hihg" }, 'unknown priority "hihg"; did you mean high?'],
    ["an empty tenant", mail, { tenant: "" }, "the tenant is a non-empty string"],
    ["a tenant of 129 bytes", mail, { tenant: "é".repeat(65) }, "the tenant has at most 128 bytes"],
    ["21 tags", mail, { tags: Array.from({ length: 21 }, String) }, "tags is a list of at most 20 texts"],
    ["a tag of 65 bytes", mail, { tags: ["x".repeat(65)] }, "the tag has at most 64 bytes"],
    ["an id of 129 bytes", { ...mail, id: "x".repeat(129) }, {}, "id of a message has at most 128 bytes"],
    ["an empty id", { ...mail, id: "" }, {}, "The id of a message is a non-empty string"],
    ["an id and a key", { ...mail, id: "a" }, { idempotencyKey: "k" }, "not both"],
    ["a hash without a key", mail, { idempotencyHash: "k" }, "belongs to an idempotencyKey"],
    ["no type", { payload: 1 }, { queue: "jobs" }, "The type of a message is a non-empty string"],
    ["an invalid delay", mail, { delay: "soon" }, "A delay is a number of milliseconds"],
    ["a deadline of 0", mail, { deadlineMs: 0 }, "deadlineMs is a duration, more than 0"],
    ["a BigInt", { type: "mail", payload: 1n }, {}, "is not JSON"],
    ["a BigInt and an id", { type: "mail", payload: 1n, id: "a" }, {}, "is not JSON"],
    ["a Map", { type: "map", payload: new Map() }, {}, "JSON has nothing"],
  ];
  test.each(cases)(
    "%s is refused, and nothing is sent or recorded",
    async (_, message, options, sentence) => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      const sending = jobs.send(message as typeof mail, options);
      await expect(sending).rejects.toThrow(sentence);
      expect((await jobs.list()).total).toBe(0);
      expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0 });
    },
  );

  test("a payload that does not fit its schema is refused, also if it would be recorded first", async () => {
    const sized = defineJob({ type: "sized", schema: z.object({ width: z.int() }) });
    const jobs = await new JobsFixture().jobs();
    for (const options of [{}, { delay: "1m" }, { idempotencyKey: "k" }] as const) {
      const sending = jobs.send(sized.message({ width: 0.5 }), options);
      await expect(sending).rejects.toMatchObject({ code: "invalid_payload" });
    }
    expect((await jobs.list()).total).toBe(0);
  });
});

describe("a batch", () => {
  test("has one outcome for each message, in their order", async () => {
    const jobs = await new JobsFixture().jobs();
    const bad = { type: "", payload: 1, id: "bad" };
    const outcomes = await jobs.sendBatch([mail, bad, { ...mail, id: "order-1" }], { tags: ["batch"] });
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(outcomes[1]).toMatchObject({ id: "bad", error: { code: "invalid_message" } });
    expect((await jobs.list({ tag: "batch" })).total).toBe(2);
  });

  test("is an array, and no key names all of its jobs", async () => {
    const jobs = await new JobsFixture().jobs();
    await expect(jobs.sendBatch(mail as never)).rejects.toThrow("sendBatch takes an array");
    await expect(jobs.sendBatch([mail], { idempotencyKey: "k" })).rejects.toThrow("Give each message an id");
  });
});

describe("a queue with a limit of unfinished jobs", () => {
  test("refuses one more as queue_full, and takes it when there is room", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ maxJobs: { jobs: 2 } });
    const first = await jobs.send(mail);
    await jobs.send({ ...mail, id: "a" });
    await expect(jobs.send(mail)).rejects.toMatchObject({ code: "queue_full", retryable: true });
    expect((await jobs.send({ ...mail, id: "a" })).created).toBe(false);
    expect((await jobs.send(mail, { queue: "other" })).created).toBe(true);
    await first.cancel();
    await fixture.clock.advance(SECOND);
    expect((await jobs.send(mail)).created).toBe(true);
  });

  test("takes exactly as many of 100 simultaneous sends", async () => {
    const jobs = await new JobsFixture().jobs({ maxJobs: { jobs: 10 } });
    const outcomes = await jobs.sendBatch(Array.from({ length: 100 }, () => mail));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(10);
  });
});

test("a handler can send jobs while the jobs are closing, and no work is started any more", async () => {
  const fixture = new JobsFixture();
  const { clock } = fixture;
  const jobs = await fixture.jobs();
  const worker = jobs.worker();
  const sent: string[] = [];
  worker.register("mail", async () => {
    await new Promise<void>((resolve) => clock.timer(5 * SECOND, resolve));
    sent.push((await jobs.send({ ...mail, type: "report" })).id);
  });
  void worker.start("jobs");
  await jobs.send(mail);
  await clock.advance(SECOND);
  const closing = watch(jobs.close());
  expect(() => jobs.worker()).toThrow("start no work");
  await clock.advance(MINUTE);
  expect(closing.state).toBe("resolved");
  expect(sent).toHaveLength(1);
  expect((await fixture.store.get(jobs.namespace, sent))[0]?.row).toMatchObject({ status: "queued" });
});

test("closed jobs refuse to send, and close waits for the sends before", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  const sent = watch(jobs.send(mail));
  await jobs.close();
  expect(sent.state).toBe("resolved");
  await expect(jobs.send(mail)).rejects.toSatisfy((error) => isQueueError(error, "closed"));
  await fixture.clock.advance(MINUTE);
});
