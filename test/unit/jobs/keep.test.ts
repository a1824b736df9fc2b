import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import {
  type Archive,
  type Jobs,
  type JobSnapshot,
  type JobsOptions,
  ndjsonGz,
} from "../../../src/jobs/index.ts";
import type { ClaimChange } from "../../../src/jobs/store/change.ts";
import { HOUR, MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const DAY = 24 * HOUR;
const mail = { type: "mail", payload: { to: "a" } };

async function cancelled(jobs: Jobs, count: number): Promise<void> {
  await jobs.sendBatch(Array.from({ length: count }, () => mail));
  await jobs.cancelAll({});
}

describe("prune", () => {
  test("deletes what is older than its retention, and a dry run only counts", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ retention: { cancelled: "2 days" } });
    await cancelled(jobs, 3);
    const { id: unfinished } = await jobs.send(mail);
    await fixture.clock.advance(2 * DAY);
    expect(await jobs.prune()).toBe(0);
    await fixture.clock.advance(SECOND);
    expect(await jobs.prune({ dryRun: true })).toBe(3);
    expect((await jobs.list()).total).toBe(4);
    expect(await jobs.prune()).toBe(3);
    expect((await jobs.list()).jobs.map(({ id }) => id)).toEqual([unfinished]);
  });

  test("keeps the latest of too many, and none of the last hour goes", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ retention: { maxJobs: 2 } });
    await cancelled(jobs, 5);
    expect(await jobs.prune()).toBe(0);
    await fixture.clock.advance(HOUR + SECOND);
    expect(await jobs.prune()).toBe(3);
  });

  test("is done by a worker each minute, or as often as the retention says", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ retention: { cancelled: "1h", every: "10m" } });
    await cancelled(jobs, 3);
    const worker = jobs.worker();
    worker.register("fax", () => undefined);
    void worker.start("other");
    await fixture.clock.advance(HOUR + 9 * MINUTE);
    expect((await jobs.list()).total).toBe(3);
    await fixture.clock.advance(MINUTE + SECOND);
    expect((await jobs.list()).total).toBe(0);
    const closing = watch(jobs.close());
    await fixture.clock.advance(MINUTE);
    expect(closing.state).toBe("resolved");
  });

  test.each([
    [{ retention: { completed: "59m" } }, "retention.completed is a duration, 1 hour or more"],
    [{ retention: { data: -1 } }, "retention.data is a duration, 0 milliseconds or more"],
    [{ retention: { maxJobs: 0.5 } }, "retention.maxJobs is a whole number"],
    [{ retention: { every: 0 } }, "retention.every is a duration, 1000 milliseconds or more"],
    [
      { retention: { complete: 1 } },
      'createJobs: retention: unknown option "complete"; did you mean completed?',
    ],
    [{ archive: "folder" }, "archive is a function"],
  ])("is refused with %j", async (options, sentence) => {
    await expect(new JobsFixture().jobs(options as JobsOptions)).rejects.toThrow(sentence);
  });
});

describe("an archive of ndjsonGz", () => {
  let folder = "";
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** The records of a day. */
  async function recordsOf(day: string): Promise<{ readonly id: string }[]> {
    const text = gunzipSync(await readFile(join(folder, `${day}.ndjson.gz`))).toString();
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string });
  }

  test("has a file for each day on which jobs ended, for its owner alone", async () => {
    folder = join(await mkdtemp(join(tmpdir(), "jobs-")), "archive");
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ archive: ndjsonGz(folder) });
    await cancelled(jobs, 700);
    await fixture.clock.advance(DAY);
    await cancelled(jobs, 1);
    await fixture.clock.advance(8 * DAY);
    const pruning = watch(jobs.prune());
    await until(() => pruning.state !== "pending", fixture);
    expect(pruning.value).toBe(701);
    expect(await readdir(folder)).toEqual(["2026-01-01.ndjson.gz", "2026-01-02.ndjson.gz"]);
    const first = await recordsOf("2026-01-01");
    expect(new Set(first.map(({ id }) => id)).size).toBe(700);
    expect((await recordsOf("2026-01-02"))[0]).toMatchObject({
      type: "mail",
      status: "cancelled",
      payload: { to: "a" },
      max_retries: 4,
    });
    expect((await stat(join(folder, "2026-01-01.ndjson.gz"))).mode & 0o077).toBe(0);
  });

  test("that fails keeps the jobs, and they are archived once it works again", async () => {
    const fixture = new JobsFixture();
    const seen: JobSnapshot[] = [];
    let isFull = true;
    const archive: Archive = async (jobs) => {
      seen.push(...jobs);
      if (isFull) throw new Error("the disk is full");
    };
    const jobs = await fixture.jobs({ archive });
    await cancelled(jobs, 3);
    await fixture.clock.advance(8 * DAY);
    await expect(jobs.prune()).rejects.toThrow("nothing was deleted: Error: the disk is full");
    expect((await jobs.list()).total).toBe(3);
    isFull = false;
    expect(await jobs.prune()).toBe(3);
    // A crash between the archive and the deletion leaves jobs in the archive twice, by the same ids.
    expect(seen).toHaveLength(6);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
  });

  test("is given a job before it is deleted, also if the process dies between both", async () => {
    const fixture = new JobsFixture();
    const seen: string[] = [];
    const jobs = await fixture.jobs({ archive: async (all) => void seen.push(...all.map(({ id }) => id)) });
    await cancelled(jobs, 1);
    await fixture.clock.advance(8 * DAY);
    fixture.storeFault = ({ method }) => (method === "prune" ? "fail" : undefined);
    await expect(jobs.prune()).rejects.toMatchObject({ code: "store_unavailable" });
    fixture.storeFault = () => undefined;
    expect(await jobs.prune()).toBe(1);
    expect(seen).toHaveLength(2);
    expect(new Set(seen).size).toBe(1);
  });
});

describe("reconcile", () => {
  /** A job that a worker has claimed and never ended, as after a power cut; its message is where `message` says. */
  async function abandoned(fixture: JobsFixture, id: string): Promise<Jobs> {
    const jobs = await fixture.jobs();
    await jobs.send({ ...mail, id });
    await fixture.clock.settle();
    await fixture.store.apply(jobs.namespace, [claimOf(fixture, id)]);
    return jobs;
  }

  /** The claim of a worker that is killed after it. */
  function claimOf(fixture: JobsFixture, id: string, over: Partial<ClaimChange> = {}): ClaimChange {
    const seed = { type: "mail", queue: "jobs", maxAttempts: 5, createdAt: 0, message: { payload: null } };
    return {
      kind: "claim",
      id,
      token: "t",
      workerId: "w",
      queue: "jobs",
      type: "mail",
      stamp: String(fixture.clock.now()),
      redrive: 0,
      wasDeadLetter: false,
      attemptsBefore: 0,
      attemptsOfCopy: 0,
      leaseMs: 30_000,
      seed: () => seed,
      ...over,
    };
  }

  /** Lets a worker handle all messages with `handler`. Sends job `a` first, if there is none. */
  async function work(fixture: JobsFixture, jobs: Jobs, handler: () => unknown): Promise<void> {
    if ((await jobs.get("a")) === undefined) await jobs.send({ ...mail, id: "a" });
    const worker = jobs.worker();
    worker.register("mail", handler);
    void worker.start("jobs");
    await fixture.clock.advance(MINUTE);
    const stopping = watch(worker.stop());
    await fixture.clock.advance(MINUTE);
    expect(stopping.state).toBe("resolved");
  }

  /** Ends every message of the queue without its record. */
  async function settleAll(fixture: JobsFixture, how: "ack" | "dead"): Promise<void> {
    const stop = new AbortController();
    const receiving = fixture.queue.receive(
      "jobs",
      () => {
        if (how === "dead") throw new PermanentError("it kills its worker");
        return { kind: "ack" };
      },
      { signal: stop.signal, onEvent: () => undefined },
    );
    await fixture.clock.settle();
    stop.abort();
    await fixture.clock.settle();
    await receiving;
  }

  test("makes a job failed whose message is in the dead-letter queue", async () => {
    const fixture = new JobsFixture();
    const jobs = await abandoned(fixture, "a");
    await settleAll(fixture, "dead");
    await fixture.clock.advance(6 * MINUTE);
    expect(await jobs.get("a")).toMatchObject({ status: "processing", isStalled: true });
    expect(await jobs.reconcile({ dryRun: true })).toMatchObject([{ id: "a", status: "processing" }]);
    expect(await jobs.reconcile()).toMatchObject([
      { id: "a", status: "failed", deadLetterReason: "permanent_error" },
    ]);
    expect(await jobs.reconcile()).toEqual([]);
  });

  test("leaves a retried job alone of which only an earlier generation is in the dead-letter queue", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await work(fixture, jobs, () => {
      throw new PermanentError("no such address");
    });
    expect(await jobs.get("a")).toMatchObject({ status: "failed" });
    await jobs.retry("a");
    await fixture.clock.settle();
    const stamp = String((await jobs.get("a"))?.createdAt.getTime());
    await fixture.store.apply(jobs.namespace, [claimOf(fixture, "a", { stamp, redrive: 1 })]);
    await fixture.clock.advance(6 * MINUTE);
    expect(await jobs.reconcile({ assume: "lost", dryRun: true })).toMatchObject([{ id: "a" }]);
    expect(await jobs.reconcile()).toEqual([]);
    const runs: unknown[] = [];
    await work(fixture, jobs, () => runs.push("a"));
    expect(runs).toEqual(["a"]);
    expect(await jobs.get("a")).toMatchObject({ status: "completed" });
  });

  test("leaves a job alone if the dead letter of its id is that of another message", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await fixture.queue.send("jobs", { ...mail, id: "a" });
    await settleAll(fixture, "dead");
    await fixture.clock.advance(MINUTE);
    await jobs.send({ ...mail, id: "a" });
    await fixture.clock.settle();
    await fixture.store.apply(jobs.namespace, [claimOf(fixture, "a")]);
    await fixture.clock.advance(6 * MINUTE);
    expect(await jobs.reconcile()).toEqual([]);
  });

  test("does not let the message of a job be lost that was only assumed to have failed", async () => {
    const fixture = new JobsFixture();
    const jobs = await abandoned(fixture, "a");
    await fixture.clock.advance(6 * MINUTE);
    expect(await jobs.reconcile({ assume: "failed" })).toMatchObject([{ id: "a", status: "failed" }]);
    await work(fixture, jobs, () => undefined);
    expect(await fixture.queue.deadLetters("jobs").list()).toMatchObject([{ id: "a" }]);
  });

  test("makes a job lost that an empty queue does not have", async () => {
    const fixture = new JobsFixture({ stats: "exact" });
    const jobs = await abandoned(fixture, "a");
    await settleAll(fixture, "ack");
    await fixture.clock.advance(6 * MINUTE);
    expect(await jobs.reconcile()).toMatchObject([{ id: "a", status: "lost" }]);
    await expect(jobs.retry("a")).rejects.toMatchObject({ code: "conflict" });
    expect(await jobs.retry("a", { force: true })).toMatchObject({ status: "queued" });
  });

  test("leaves a job alone whose message may be in its queue, unless its outcome is assumed", async () => {
    const fixture = new JobsFixture();
    const jobs = await abandoned(fixture, "a");
    const { id: waiting } = await jobs.send(mail);
    await fixture.clock.advance(6 * MINUTE);
    expect(await jobs.reconcile()).toEqual([]);
    expect(await jobs.reconcile({ assume: "completed" })).toMatchObject([{ id: "a", status: "completed" }]);
    expect(await jobs.get(waiting)).toMatchObject({ status: "queued" });
    await expect(jobs.reconcile({ assume: "done" as never })).rejects.toThrow(
      '"completed", "failed" or "lost"',
    );
  });

  test("leaves a job alone that was heard of a moment ago", async () => {
    const fixture = new JobsFixture();
    const jobs = await abandoned(fixture, "a");
    await settleAll(fixture, "ack");
    await fixture.clock.advance(5 * MINUTE);
    expect(await jobs.reconcile({ assume: "lost" })).toEqual([]);
  });

  test("makes a job lost that is older than the messages that its provider keeps", async () => {
    const fixture = new JobsFixture({ emulate: "sqs", queues: ["jobs"] });
    const jobs = await fixture.jobs();
    const { id } = await jobs.send(mail);
    await fixture.clock.advance(15 * DAY);
    const reconciling = watch(jobs.reconcile());
    await fixture.clock.advance(5 * MINUTE);
    expect(reconciling.value).toMatchObject([{ id, status: "lost" }]);
  });

  test("does not look for the messages of jobs that merely wait", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.sendBatch(Array.from({ length: 20 }, () => mail));
    await fixture.clock.advance(DAY);
    fixture.requests.length = 0;
    expect(await jobs.reconcile()).toEqual([]);
    expect(fixture.requests.filter(({ operation }) => operation === "receive")).toEqual([]);
  });

  test("is done by a worker every five minutes", async () => {
    const fixture = new JobsFixture();
    const jobs = await abandoned(fixture, "a");
    await settleAll(fixture, "dead");
    const worker = jobs.worker();
    worker.register("fax", () => undefined);
    void worker.start("other");
    await fixture.clock.advance(11 * MINUTE);
    expect(await jobs.get("a")).toMatchObject({ status: "failed" });
    const closing = watch(jobs.close());
    await fixture.clock.advance(MINUTE);
    expect(closing.state).toBe("resolved");
  });
});

/** Turns the clock until real work, such as that on a file, is done. */
async function until(isDone: () => boolean, { clock }: JobsFixture): Promise<void> {
  while (!isDone()) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1);
  }
}
