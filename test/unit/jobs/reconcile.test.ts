import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { PermanentError } from "../../../src/errors.ts";
import type { Jobs } from "../../../src/jobs/index.ts";
import type { ClaimChange } from "../../../src/jobs/store/change.ts";
import { DAY, MINUTE, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "a" } };

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
  async function settleAll(fixture: JobsFixture, how: "ack" | "dead", queue = "jobs"): Promise<void> {
    const stop = new AbortController();
    const receiving = fixture.queue.receive(
      queue,
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

  describe("discards the dead letter of a job", () => {
    /** Fails job `a` for good, retries it from its record, and lets it run again. */
    async function retried(fixture: JobsFixture, jobs: Jobs, second: () => unknown): Promise<void> {
      await work(fixture, jobs, () => {
        throw new PermanentError("no such address");
      });
      expect(await fixture.queue.stats("jobs")).toMatchObject({ failed: 1 });
      await jobs.retry("a");
      await fixture.clock.settle();
      await work(fixture, jobs, second);
    }

    /** The dead letters by id, and the redrives after which they failed. */
    async function deadLetters({ queue, clock }: JobsFixture, name = "jobs"): Promise<string[]> {
      const found = await clock.until(queue.deadLetters(name).list());
      return found.map(({ id, attributes }) => `${id} ${attributes["qp_redrive"] ?? 0}`).toSorted();
    }

    test("that was retried from its record and completed", async () => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      await retried(fixture, jobs, () => "sent");
      expect(await jobs.get("a")).toMatchObject({ status: "completed" });
      expect(await deadLetters(fixture)).toEqual(["a 0"]);
      await fixture.clock.until(jobs.reconcile({ dryRun: true }));
      expect(await deadLetters(fixture)).toEqual(["a 0"]);
      expect(await fixture.clock.until(jobs.reconcile())).toEqual([]);
      expect(await deadLetters(fixture)).toEqual([]);
    });

    test("that has failed again, and keeps that of its last run", async () => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      await retried(fixture, jobs, () => {
        throw new PermanentError("still none");
      });
      expect(await deadLetters(fixture)).toEqual(["a 0", "a 1"]);
      await fixture.clock.until(jobs.reconcile());
      expect(await deadLetters(fixture)).toEqual(["a 1"]);
      expect(await jobs.get("a")).toMatchObject({ status: "failed" });
    });

    test("by the worker that has run it, within five minutes", async () => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      await retried(fixture, jobs, () => "sent");
      const worker = jobs.worker();
      worker.register("mail", () => "sent");
      void worker.start("jobs");
      await fixture.clock.advance(6 * MINUTE);
      const stopping = watch(worker.stop());
      await fixture.clock.advance(MINUTE);
      expect(stopping.state).toBe("resolved");
      expect(await deadLetters(fixture)).toEqual([]);
    });

    test("but none of a job that was not retried, has not run since, or is another one", async () => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      await work(fixture, jobs, () => {
        throw new PermanentError("no such address");
      });
      await fixture.clock.until(jobs.reconcile());
      expect(await deadLetters(fixture)).toEqual(["a 0"]);
      await jobs.retry("a");
      await fixture.clock.until(jobs.reconcile());
      expect(await deadLetters(fixture)).toEqual(["a 0"]);
      await fixture.queue.send("jobs", { ...mail, id: "foreign" });
      await settleAll(fixture, "dead");
      await fixture.clock.until(jobs.reconcile());
      expect(await deadLetters(fixture)).toContain("foreign 0");
    });

    test("but none of another queue, whose message was sent at the same time with the same id and payload", async () => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      await fixture.queue.send("copies", { ...mail, id: "a" });
      await settleAll(fixture, "dead", "copies");
      await retried(fixture, jobs, () => "sent");
      await jobs.send(mail, { queue: "copies" });
      await fixture.clock.until(jobs.reconcile());
      expect(await deadLetters(fixture)).toEqual([]);
      expect(await deadLetters(fixture, "copies")).toEqual(["a 0"]);
    });

    test("again later if the dead-letter queue cannot be read", async () => {
      const fixture = new JobsFixture();
      const jobs = await fixture.jobs();
      await retried(fixture, jobs, () => "sent");
      fixture.fault = ({ operation, queue }) =>
        operation === "receive" && queue === "jobs-dlq"
          ? { kind: "error", error: new DriverError("auth", "no permission") }
          : undefined;
      await fixture.clock.until(jobs.reconcile());
      expect(fixture.warnings.filter(([code]) => code === "reconcile")).toEqual([
        ["reconcile", expect.stringContaining("no permission")],
      ]);
      fixture.fault = () => undefined;
      await fixture.clock.until(jobs.reconcile());
      expect(await deadLetters(fixture)).toEqual([]);
    });
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

  describe.each([
    ["exact", { stats: "exact" }],
    ["estimates", { emulate: "sqs", queues: ["jobs"] }],
    ["not known", { emulate: "pubsub", queues: ["jobs"] }],
  ] as const)("if the counts of the provider are %s", (_, options) => {
    test("makes no job lost whose dead letter another process is reading", async () => {
      const fixture = new JobsFixture(options);
      const jobs = await abandoned(fixture, "a");
      await settleAll(fixture, "dead");
      await fixture.clock.advance(6 * MINUTE);
      const other = fixture.driver.open("jobs-dlq", { prefetch: 10, leaseMs: 25_000 });
      const held = await other.next(10, new AbortController().signal);
      expect(held).toHaveLength(1);

      const reconciling = watch(jobs.reconcile({ assume: "lost" }));
      await fixture.clock.advance(10_000);
      expect(await jobs.get("a")).toMatchObject({ status: "processing" });
      await other.settle(held.map((delivery) => ({ kind: "release", delivery, delayMs: 0 })));
      await other.close();
      await fixture.clock.advance(3 * MINUTE);
      expect(reconciling.value).toMatchObject([{ id: "a", status: "failed" }]);
    });
  });

  test("leaves a job alone while another process goes on reading its dead letter, and says so", async () => {
    const fixture = new JobsFixture({ stats: "exact" });
    const jobs = await abandoned(fixture, "a");
    await settleAll(fixture, "dead");
    await fixture.clock.advance(6 * MINUTE);
    const other = fixture.driver.open("jobs-dlq", { prefetch: 10, leaseMs: 10 * MINUTE });
    expect(await other.next(10, new AbortController().signal)).toHaveLength(1);
    expect(await fixture.clock.until(jobs.reconcile({ assume: "lost" }))).toEqual([]);
    expect(await jobs.get("a")).toMatchObject({ status: "processing" });
    expect(fixture.warnings).toContainEqual(["reconcile", expect.stringContaining("another process")]);
    await other.close();
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
