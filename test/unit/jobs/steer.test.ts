import { describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import type { Jobs, JobStore } from "../../../src/jobs/index.ts";
import { MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "a" } };

async function working(fixture: JobsFixture, handler: (signal: AbortSignal) => unknown): Promise<Jobs> {
  const jobs = await fixture.jobs();
  const worker = jobs.worker();
  worker.on("failed", () => undefined);
  worker.register("mail", async (_, { signal }) => handler(signal));
  const starting = worker.start("jobs");
  await fixture.clock.settle();
  await starting;
  return jobs;
}

describe("retry", () => {
  test("runs a failed job once more from its record, as the next generation", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const jobs = await working(fixture, () => {
      runs += 1;
      if (runs === 1) throw new PermanentError("no");
      return "sent";
    });
    const job = await jobs.send(mail);
    await fixture.clock.settle();
    expect(await job.get()).toMatchObject({ status: "failed", deadLetterReason: "permanent_error" });
    const result = watch(job.result());
    await fixture.clock.settle();
    expect(result.state).toBe("rejected");
    expect(await jobs.retry(job.id)).toMatchObject({ id: job.id, status: "queued", attempt: 0 });
    await fixture.clock.settle();
    expect(await jobs.get(job.id, ["result"])).toMatchObject({ status: "completed", result: "sent" });
    expect(runs).toBe(2);
    await jobs.close();
  });

  test("runs a completed job again only with force", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const jobs = await working(fixture, () => (runs += 1));
    const { id } = await jobs.send(mail);
    await fixture.clock.settle();
    await expect(jobs.retry(id)).rejects.toThrow("is completed. To run it once more all the same");
    await expect(jobs.retry(id)).rejects.toMatchObject({ code: "conflict" });
    await jobs.retry(id, { force: true });
    await fixture.clock.settle();
    expect(runs).toBe(2);
    await jobs.close();
  });

  test("is refused for a job that is not over, and for one that nobody knows", async () => {
    const jobs = await new JobsFixture().jobs();
    const { id } = await jobs.send(mail);
    await expect(jobs.retry(id)).rejects.toThrow("is queued, and so not over");
    await expect(jobs.retry("nobody")).rejects.toMatchObject({ code: "not_found" });
    await expect(jobs.promote(id)).rejects.toMatchObject({ code: "conflict" });
    await expect(jobs.promote("nobody")).rejects.toMatchObject({ code: "not_found" });
    await expect(jobs.retry(id, { forse: true } as never)).rejects.toThrow("did you mean force?");
  });

  test("is completed by another process, 35 s later, if its own dies before it has sent the job", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const job = await jobs.send(mail);
    await job.cancel();
    const before = (await fixture.messages()).length;
    // The process dies between the record and the send: it never reads the message that it would send.
    fixture.storeFault = ({ method }) => (method === "get" ? "fail" : undefined);
    await jobs.retry(job.id);
    fixture.storeFault = () => undefined;
    const other = await fixture.jobs();
    const stop = new AbortController();
    void other.dispatch({ signal: stop.signal });
    await fixture.clock.advance(34 * SECOND);
    expect(await fixture.messages()).toHaveLength(before);
    await fixture.clock.advance(2 * SECOND);
    expect(await fixture.messages()).toHaveLength(before + 1);
    stop.abort();
    await fixture.clock.settle();
  });
});

describe("cancel", () => {
  test("asks a running job to end, in another process, and its handler hears it", async () => {
    const fixture = new JobsFixture();
    const jobs = await working(fixture, async (signal) => {
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    });
    const { id } = await jobs.send(mail);
    await fixture.clock.settle();
    const other = await fixture.jobs();
    expect(await other.cancel(id, { reason: "user left" })).toBe("requested");
    await fixture.clock.settle();
    expect(await jobs.get(id)).toMatchObject({ status: "cancelled", cancelReason: "user left" });
    expect(await other.cancel(id)).toBe("cancelled");
    await jobs.close();
  });

  test("answers that a job is finished, and changes nothing", async () => {
    const fixture = new JobsFixture();
    const jobs = await working(fixture, () => "done");
    const { id } = await jobs.send(mail);
    await fixture.clock.settle();
    const before = await jobs.get(id);
    expect(await jobs.cancel(id)).toBe("finished");
    expect(await jobs.get(id)).toEqual(before);
    await expect(jobs.cancel(id, { reason: "x".repeat(2_000) })).rejects.toThrow("at most 1024 bytes");
    await jobs.close();
  });
});

describe("cancelAll and retryAll", () => {
  test("cancel also a job that was between two states when its page was read", async () => {
    const fixture = new JobsFixture();
    let lists = 0;
    const store: JobStore = {
      ...fixture.store,
      list: async (...given) => {
        const page = await fixture.store.list(...given);
        lists += 1;
        // Read as `processing` before its claim, and as `queued` after it.
        return lists === 1 ? { ...page, rows: page.rows.filter(({ id }) => id !== "a") } : page;
      },
    };
    const jobs = await fixture.jobs({ store });
    for (const id of ["a", "b", "c"]) await jobs.send({ ...mail, id });
    expect(await jobs.cancelAll({})).toBe(3);
    expect(await jobs.get("a")).toMatchObject({ status: "cancelled" });
    expect(await jobs.cancelAll({ status: ["cancelled", "failed"] })).toBe(3);
  });

  test("take every job that matches, and a dry run only counts", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.sendBatch(Array.from({ length: 450 }, () => mail));
    await jobs.send({ ...mail, type: "fax" });
    expect(await jobs.cancelAll({ type: "mail" }, { dryRun: true })).toBe(450);
    expect((await jobs.list({ status: "queued" })).total).toBe(451);
    expect(await jobs.cancelAll({ type: "mail" }, { reason: "wrong list" })).toBe(450);
    expect(await jobs.cancelAll({ type: "mail" })).toBe(0);
    expect((await jobs.list({ status: "queued" })).total).toBe(1);
    expect(await jobs.retryAll({ status: "cancelled" }, { dryRun: true })).toBe(450);
    const retrying = watch(jobs.retryAll({ status: "cancelled" }));
    await fixture.clock.advance(SECOND);
    expect(retrying.value).toBe(450);
    expect(await jobs.retryAll({})).toBe(0);
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 901 });
  });

  test("refuse an unknown condition, which would select too much", async () => {
    const jobs = await new JobsFixture().jobs();
    await expect(jobs.cancelAll({ typ: "mail" } as never)).rejects.toThrow("did you mean type?");
    await expect(jobs.retryAll({ limit: 1 } as never)).rejects.toThrow('unknown option "limit"');
  });
});

describe("while the store is down", () => {
  test("a plain job is sent, its record follows, and everything else is refused as store_unavailable", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const { id: known } = await jobs.send(mail);
    fixture.storeFault = () => "fail";
    const sent = watch(jobs.send(mail));
    await fixture.clock.advance(SECOND);
    expect(sent.value).toMatchObject({ created: true, tracked: false });
    const refused = [
      jobs.send({ ...mail, id: "a" }),
      jobs.send(mail, { delay: "1m" }),
      jobs.send(mail, { idempotencyKey: "k" }),
      jobs.cancel(known),
      jobs.retry(known),
      jobs.get(known),
      jobs.list(),
      jobs.counts(),
      jobs.workers(),
      jobs.prune(),
      jobs.reconcile(),
    ].map((one: Promise<unknown>) => watch(one));
    await fixture.clock.advance(2 * SECOND);
    for (const one of refused)
      expect(one.error).toMatchObject({ code: "store_unavailable", retryable: true });
    expect(await jobs.health()).toMatchObject({ status: "failing", store: { reachable: false } });
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(10 * SECOND);
    expect(await jobs.get(sent.value?.id ?? "")).toMatchObject({ status: "queued" });
    expect((await jobs.list()).total).toBe(2);
    expect(fixture.warnings.map(([code]) => code)).toContain("untracked");
    await jobs.close();
  });

  test("a store that hangs delays a plain send by a second at most, and a birth by two", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    fixture.storeFault = () => "hang";
    const plain = watch(jobs.send(mail));
    const born = watch(jobs.send({ ...mail, id: "a" }));
    await fixture.clock.advance(SECOND);
    expect(plain.value).toMatchObject({ tracked: false });
    await fixture.clock.advance(SECOND);
    expect(born.error).toMatchObject({ code: "store_unavailable" });
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(MINUTE);
    expect(await jobs.get(plain.value?.id ?? "")).toMatchObject({ status: "queued" });
  });

  test("a birth whose answer was lost is the same job when it is repeated", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    fixture.storeFault = ({ method }) => (method === "apply" ? "lose" : undefined);
    const first = watch(jobs.send(mail, { idempotencyKey: "k" }));
    await fixture.clock.advance(5 * SECOND);
    expect(first.error).toMatchObject({ code: "store_unavailable" });
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(10 * SECOND);
    const again = await jobs.send(mail, { idempotencyKey: "k" });
    expect((await jobs.list()).jobs.map(({ id }) => id)).toEqual([again.id]);
    const stop = new AbortController();
    void jobs.dispatch({ signal: stop.signal });
    await fixture.clock.advance(MINUTE);
    expect(await fixture.messages()).toHaveLength(1);
    stop.abort();
    await fixture.clock.settle();
  });

  test("a dispatch that cannot be confirmed is repeated at most, and the job runs once", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    const jobs = await working(fixture, () => (runs += 1));
    fixture.storeFault = ({ changes }) =>
      changes.some(({ kind }) => kind === "dispatched") ? "fail" : undefined;
    const sending = watch(jobs.send({ ...mail, id: "a" }));
    await fixture.clock.advance(2 * MINUTE);
    expect(sending.value).toMatchObject({ created: true });
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(2 * MINUTE);
    expect(runs).toBe(1);
    expect(await jobs.get("a")).toMatchObject({ status: "completed" });
    await jobs.close();
  });
});
