import { describe, expect, it } from "vitest";
import type { ClaimChange } from "../../../../src/jobs/store/change.ts";
import { PermanentError, RetryAfterError } from "../../../../src/errors.ts";
import { Door, MINUTE, SECOND } from "../../support.ts";
import { EMPTY, JobsFixture } from "./fixture.ts";

describe("a run", () => {
  it("is claimed before its handler, and its end is recorded before its message is acknowledged", async () => {
    const fixture = new JobsFixture();
    const seen: unknown[] = [];
    fixture.worker.register("t", async ({ payload, id }, job) => {
      const record = await fixture.job(id);
      seen.push(payload, job.attempt, record?.row.status, record?.row.workerId);
      return { ok: true };
    });
    await fixture.run();
    const id = await fixture.send({ tenant: "acme", priority: "high" });
    expect(seen).toEqual([{ n: 1 }, 1, "processing", fixture.worker.id]);
    expect(fixture.kinds).toEqual(["claim", "end"]);
    expect(await fixture.job(id)).toMatchObject({
      row: {
        status: "completed",
        type: "t",
        queue: "jobs",
        runs: 1,
        progress: 100,
        tenant: "acme",
        priority: "high",
      },
      message: { payload: { n: 1 } },
      result: { ok: true },
    });
    expect(await fixture.counts()).toEqual(EMPTY);
    expect(fixture.events.names).toEqual(["started", "completed"]);
  });

  it("that fails is recorded as retrying until its backoff is over, and then runs as the next attempt", async () => {
    const fixture = new JobsFixture();
    const attempts: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      attempts.push(attempt);
      if (attempt === 1) throw new RetryAfterError("1m", "busy");
    });
    await fixture.run();
    const id = await fixture.send();
    const failed = await fixture.job(id);
    expect(failed?.row).toMatchObject({
      status: "retrying",
      runs: 1,
      nextAt: fixture.clock.now() + MINUTE,
      error: { message: "RetryAfterError: busy" },
    });
    expect(failed?.row.error?.fingerprint).toMatch(/^[0-9a-f]{12}$/);
    await fixture.clock.advance("2m");
    expect(attempts).toEqual([1, 2]);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 2 });
    expect((await fixture.job(id))?.row.attempts).toHaveLength(1);
  });

  it("that fails for good is recorded as failed, and as buried once its dead letter is there", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", () => {
      throw new PermanentError("the account was deleted");
    });
    await fixture.run();
    const id = await fixture.send();
    expect((await fixture.job(id))?.row).toMatchObject({
      status: "failed",
      deadLetterReason: "permanent_error",
      isBuried: true,
      runs: 1,
    });
    expect(fixture.kinds).toEqual(["claim", "end", "buried"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });

  it("that uses up its attempts is counted by its record, also if the broker counts anew", async () => {
    const fixture = new JobsFixture();
    const attempts: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      attempts.push(attempt);
      throw new Error("no");
    });
    await fixture.run();
    const id = await fixture.send({ maxAttempts: 3, backoff: { baseMs: 1_000, jitter: false } });
    // A second copy, as a broker may make, brings no further attempts.
    await fixture.send({ id, maxAttempts: 3 }, { createdAt: fixture.clock.now() });
    await fixture.clock.advance("10m");
    expect(attempts).toEqual([1, 2, 3]);
    expect((await fixture.job(id))?.row).toMatchObject({
      status: "failed",
      deadLetterReason: "max_attempts",
    });
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });

  it("is not begun for a payload that does not fit, and is recorded as failed", async () => {
    const fixture = new JobsFixture();
    const schema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => ({ issues: [{ message: "no" }] }),
      },
    } as const;
    fixture.worker.register(
      { type: "t", schema, message: () => ({ type: "t", payload: 1 }) },
      () => undefined,
    );
    await fixture.run();
    const id = await fixture.send();
    expect((await fixture.job(id))?.row).toMatchObject({
      status: "failed",
      deadLetterReason: "invalid_payload",
      runs: 0,
    });
  });
});

describe("a redelivery", () => {
  it("is acknowledged without a run if its job is completed", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    fixture.failAcks();
    await fixture.run();
    const id = await fixture.send();
    expect([runs, await fixture.status(id)]).toEqual([1, "completed"]);
    fixture.fault = () => undefined;
    await fixture.clock.advance(31 * SECOND);
    expect(runs).toBe(1);
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "completed" }]);
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  it("is dead-lettered without a run if its job failed, and its dead letter is not known to be there", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => {
      runs += 1;
      throw new PermanentError("no");
    });
    // The process is killed between the end and the copy in the dead-letter queue.
    const killed = fixture.start();
    fixture.fault = (point) =>
      point.operation === "send" && point.queue.endsWith("-dlq")
        ? { kind: "stall", until: new Promise(() => undefined) }
        : undefined;
    killed.worker.register("t", () => {
      throw new PermanentError("no");
    });
    await fixture.run(killed);
    const id = await fixture.send();
    expect((await fixture.job(id))?.row).toMatchObject({ status: "failed", isBuried: false });
    fixture.fault = () => undefined;
    await fixture.run();
    await fixture.clock.advance("2m");
    expect(runs).toBe(0);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "failed", isBuried: true });
    expect((await fixture.counts())[3]).toBeGreaterThanOrEqual(1);
  });

  it("is acknowledged if the dead letter of its job is there: there is one (H25)", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", () => {
      throw new PermanentError("no");
    });
    await fixture.run();
    const id = await fixture.send();
    const createdAt = fixture.clock.now();
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
    await fixture.send({ id }, { createdAt });
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "dead_lettered" }]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });

  it("while another run holds the job waits, without counting an attempt", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    let runs = 0;
    fixture.worker.register("t", () => {
      runs += 1;
      return door.opened;
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.send({ id }, { createdAt: fixture.clock.now() });
    expect(runs).toBe(1);
    expect(fixture.events.of("released")).toMatchObject([{ why: "busy" }]);
    door.open();
    await fixture.clock.advance("2m");
    expect(runs).toBe(1);
    expect(await fixture.counts()).toEqual(EMPTY);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 1 });
  });

  it("before the backoff is over waits until then (H15)", async () => {
    const fixture = new JobsFixture();
    const at: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      at.push(fixture.clock.monotonic());
      if (attempt === 1) throw new RetryAfterError("1h");
    });
    await fixture.run();
    const started = fixture.clock.monotonic();
    const id = await fixture.send();
    await fixture.send({ id }, { createdAt: fixture.clock.now() });
    await fixture.clock.advance("2h");
    expect(at.map((time) => Math.floor((time - started) / MINUTE))).toEqual([0, 60]);
  });

  it("after a process was killed runs once its claim has lapsed, with what was saved", async () => {
    const fixture = new JobsFixture();
    const seen: unknown[] = [];
    const createdAt = fixture.clock.now();
    await fixture.apply(claimOf("killed", createdAt));
    await fixture.apply({ kind: "touch", id: "killed", token: "gone", seq: 1, saved: { value: { at: 7 } } });
    fixture.worker.register("t", (_, job) => void seen.push(job.attempt, job.saved));
    await fixture.run();
    await fixture.send({ id: "killed" }, { createdAt });
    expect(seen).toEqual([]);
    await fixture.clock.advance("1m");
    expect(seen).toEqual([2, { at: 7 }]);
    // One bounce, for as long as the claim had left.
    expect(fixture.events.of("released")).toHaveLength(1);
    expect((await fixture.job("killed"))?.row).toMatchObject({ status: "completed", runs: 2 });
  });

  it("is dead-lettered as a crash loop if its job has killed each worker that started it", async () => {
    const fixture = new JobsFixture();
    const createdAt = fixture.clock.now();
    for (let lapsed = 0; lapsed < 10; lapsed += 1) {
      await fixture.apply({ ...claimOf("deadly", createdAt), token: `gone-${lapsed}` });
      await fixture.clock.advance("1m");
    }
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    await fixture.send({ id: "deadly" }, { createdAt });
    expect(runs).toBe(0);
    expect((await fixture.job("deadly"))?.row).toMatchObject({
      status: "failed",
      deadLetterReason: "crash_loop",
      isBuried: true,
    });
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });
});

describe("an answer that was lost", () => {
  it("to a claim is asked for again, and the job does not wait for itself (H2)", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    let lost = 2;
    fixture.storeFault = ([change]) => {
      if (change?.kind !== "claim" || lost === 0) return undefined;
      lost -= 1;
      return "lose";
    };
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("1s");
    expect([runs, await fixture.status(id)]).toEqual([1, "completed"]);
    expect(fixture.events.of("released")).toEqual([]);
    expect((await fixture.job(id))?.row.runs).toBe(1);
  });

  it("to an end is asked for again, and the message is settled as was decided (H12)", async () => {
    const fixture = new JobsFixture();
    let lost = 2;
    fixture.storeFault = ([change]) => {
      if (change?.kind !== "end" || lost === 0) return undefined;
      lost -= 1;
      return "lose";
    };
    fixture.worker.register("t", (_, { attempt }) => {
      if (attempt === 1) throw new RetryAfterError("1m");
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("1s");
    expect(fixture.events.of("retrying")).toMatchObject([{ delayMs: MINUTE }]);
    await fixture.clock.advance("2m");
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 2 });
    expect((await fixture.job(id))?.row.attempts).toHaveLength(1);
  });
});

function claimOf(id: string, createdAt: number): ClaimChange {
  return {
    kind: "claim",
    id,
    token: "gone",
    workerId: "killed-1",
    queue: "jobs",
    type: "t",
    stamp: String(createdAt),
    redrive: 0,
    wasDeadLetter: false,
    attemptsBefore: 0,
    attemptsOfCopy: 0,
    leaseMs: 32_000,
    seed: () => ({ type: "t", queue: "jobs", maxAttempts: 5, createdAt, message: { payload: { n: 1 } } }),
  };
}
