import { describe, expect, it } from "vitest";
import { Door, MINUTE, SECOND } from "../../support.ts";
import { EMPTY, JobsFixture } from "./fixture.ts";

describe("the claim of a run", () => {
  it("lasts 2 s longer than the lease, and is extended with it (H34)", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    fixture.worker.register("t", () => door.opened);
    await fixture.run();
    const id = await fixture.send();
    const begun = fixture.clock.now();
    expect((await fixture.job(id))?.row.hold?.until).toBe(begun + 32 * SECOND);
    await fixture.clock.advance("16s");
    expect((await fixture.job(id))?.row.hold?.until).toBeGreaterThanOrEqual(begun + 40 * SECOND);
    for (let minutes = 0; minutes < 3; minutes += 1) {
      await fixture.clock.advance("1m");
      const until = (await fixture.job(id))?.row.hold?.until ?? 0;
      expect(until - fixture.clock.now()).toBeGreaterThan(15 * SECOND);
      expect(until - fixture.clock.now()).toBeLessThanOrEqual(32 * SECOND);
    }
    door.open();
    await fixture.clock.settle();
    expect(await fixture.status(id)).toBe("completed");
    // The touches of three minutes: one after each extension, and no more.
    expect(fixture.kinds.filter((kind) => kind === "touch").length).toBeLessThanOrEqual(20);
  });

  it("writes no touch for a run that is over within a second", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", (_, job) => {
      job.progress(50, "half");
      job.log("info", "on the way");
    });
    await fixture.run();
    const id = await fixture.send();
    expect(fixture.kinds).toEqual(["claim", "end"]);
    expect(await fixture.job(id)).toMatchObject({
      row: { status: "completed", progress: 100, progressMessage: "half" },
      logs: [{ level: "info", message: "on the way" }],
    });
  });

  it("is not extended after the lease was lost, and the end that comes late counts all the same (H5)", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    let runs = 0;
    fixture.worker.register("t", () => {
      runs += 1;
      return runs === 1 ? door.opened : undefined;
    });
    const stalled = new Door();
    await fixture.run();
    const id = await fixture.send();
    fixture.fault = ({ operation }) =>
      operation === "settle" || operation === "receive"
        ? { kind: "stall", until: stalled.opened }
        : undefined;
    await fixture.clock.advance("31s");
    expect(fixture.events.of("lease_lost")).toHaveLength(1);
    await fixture.clock.advance("2s");
    const { row } = (await fixture.job(id)) ?? {};
    expect([row?.status, (row?.hold?.until ?? 0) <= fixture.clock.now()]).toEqual(["processing", true]);
    door.open();
    await fixture.clock.settle();
    expect(fixture.events.of("late")).toHaveLength(1);
    expect(await fixture.status(id)).toBe("completed");
    fixture.fault = () => undefined;
    stalled.open();
    await fixture.clock.advance("2m");
    // The redelivery is acknowledged from the record.
    expect(runs).toBe(1);
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  it("that was taken over aborts the handler, and its message is not settled by this run", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    let reason: unknown;
    fixture.worker.register("t", async (_, { signal }) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      await door.opened;
      return "stale";
    });
    await fixture.run();
    const id = await fixture.send();
    // As if this process had stood still for longer than its claim: another one takes the job over.
    const createdAt = fixture.clock.now();
    fixture.storeFault = (changes) => (changes.some(({ kind }) => kind === "touch") ? "again" : undefined);
    await fixture.clock.advance("35s");
    fixture.storeFault = () => undefined;
    await fixture.apply({
      kind: "claim",
      id,
      token: "other",
      workerId: "other-1",
      queue: "jobs",
      type: "t",
      stamp: String(createdAt),
      redrive: 0,
      wasDeadLetter: false,
      attemptsBefore: 0,
      attemptsOfCopy: 0,
      leaseMs: 600_000,
      seed: () => ({ type: "t", queue: "jobs", maxAttempts: 5, createdAt, message: { payload: 1 } }),
    });
    await fixture.clock.advance("20s");
    expect(reason).toMatchObject({ code: "lease_lost" });
    door.open();
    await fixture.clock.settle();
    const job = await fixture.job(id);
    expect(job?.row).toMatchObject({ status: "processing", workerId: "other-1" });
    expect(job?.result).toBeUndefined();
    expect(fixture.events.of("completed")).toEqual([]);
  });
});

describe("a run that is given up at its hard limit", () => {
  it("is recorded as retrying, and its late return as the end of nothing", async () => {
    const fixture = new JobsFixture({ timeoutMs: 1_000, graceMs: 1_000, hardLimitMs: 2_000 });
    const door = new Door();
    let runs = 0;
    fixture.worker.register("t", () => {
      runs += 1;
      return runs === 1 ? door.opened : undefined;
    });
    await fixture.run();
    const id = await fixture.send({ backoff: { baseMs: MINUTE, jitter: false } });
    await fixture.clock.advance("3s");
    expect((await fixture.job(id))?.row).toMatchObject({ status: "retrying", error: { code: "timeout" } });
    await fixture.clock.advance("2m");
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 2 });
    door.open();
    await fixture.clock.settle();
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 2 });
  });
});

describe("a drain", () => {
  it("gives a handler that does not end back without counting an attempt, and its claim with it (H10)", async () => {
    const fixture = new JobsFixture({ drainMs: 1_000, graceMs: 1_000 });
    fixture.worker.register("t", () => new Promise(() => undefined));
    const working = await fixture.run();
    const id = await fixture.send();
    await fixture.clock.until(fixture.worker.stop().catch(() => undefined));
    expect(working.error).toMatchObject({ code: "drain_incomplete" });
    expect((await fixture.job(id))?.row).toMatchObject({ status: "queued", runs: 0 });
    const attempts: number[] = [];
    const other = fixture.start();
    other.worker.register("t", (_, { attempt }) => void attempts.push(attempt));
    await fixture.run(other);
    await fixture.clock.advance("1s");
    // The next process has no claim to wait for.
    expect(attempts).toEqual([1]);
    expect(other.events.of("released")).toEqual([]);
    expect(await fixture.status(id)).toBe("completed");
  });

  it("begins no run whose claim is still waited for", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    fixture.storeFault = ([change]) => (change?.kind === "claim" ? 1_500 : undefined);
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.until(fixture.worker.stop());
    expect(runs).toBe(0);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "queued", runs: 0 });
    const other = fixture.start();
    other.worker.register("t", () => void (runs += 1));
    fixture.storeFault = () => undefined;
    await fixture.run(other);
    await fixture.clock.advance("1s");
    expect(runs).toBe(1);
  });
});
