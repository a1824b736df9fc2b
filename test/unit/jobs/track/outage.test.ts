import { describe, expect, it } from "vitest";
import * as z from "zod";
import { PermanentError } from "../../../../src/errors.ts";
import { defineJob } from "../../../../src/worker/job.ts";
import { Door, times } from "../../support.ts";
import { EMPTY, JobsFixture } from "./fixture.ts";

/** Registers a type that does not wait for the store, so that the worker is not paused. */
function registerRunning({ worker }: JobsFixture): void {
  worker.register(
    defineJob({ type: "running", schema: z.unknown(), whenStoreIsDown: "run" }),
    () => undefined,
  );
}

describe("while the store is down, a job", () => {
  it("runs untracked, and is recorded as completed when the store is back, with its facts (H4)", async () => {
    const fixture = new JobsFixture();
    const seen: unknown[] = [];
    fixture.worker.register("t", ({ payload }, job) => {
      seen.push(job.isTracked, job.attempt);
      expect(() => job.fence).toThrow(expect.objectContaining({ code: "not_supported" }));
      // The record has the payload as it was received.
      (payload as { n: number }).n = 99;
      return "done";
    });
    await fixture.run();
    await fixture.breakStore();
    const id = await fixture.send();
    expect(seen).toEqual([false, 1]);
    expect(await fixture.counts()).toEqual(EMPTY);
    expect(await fixture.job(id)).toBeUndefined();
    fixture.isDown = false;
    await fixture.clock.advance("10s");
    expect(await fixture.job(id)).toMatchObject({
      row: { status: "completed", runs: 1, queue: "jobs", type: "t" },
      message: { payload: { n: 1 } },
      result: "done",
    });
    expect(fixture.process.warnings).toEqual(["store_down", "store_up"]);
  });

  it("fails as it would otherwise, and no job fails for the store's sake", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", ({ payload }) => {
      if ((payload as { n: number }).n === 1) throw new PermanentError("no");
    });
    await fixture.run();
    await fixture.breakStore();
    const ids = [await fixture.send({ payload: { n: 1 } }), await fixture.send({ payload: { n: 2 } })];
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
    fixture.isDown = false;
    await fixture.clock.advance("10s");
    expect(await Promise.all(ids.map((id) => fixture.status(id)))).toEqual(["failed", "completed"]);
    expect((await fixture.job(ids[0] as string))?.row.isBuried).toBe(true);
  });

  it("that ended in this process is not run again when it is redelivered (H27)", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    const createdAt = fixture.clock.now();
    const id = await fixture.send();
    expect(runs).toBe(1);
    await fixture.breakStore();
    await fixture.send({ id }, { createdAt });
    expect(runs).toBe(1);
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "completed" }]);
    // A message that only has the same id is another job.
    await fixture.send({ id });
    expect(runs).toBe(2);
  });

  it("that may have been handled before waits once for the store, and then runs (H27)", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    await fixture.breakStore();
    await fixture.send({}, { system: { qp_redrive: 1 } });
    expect(runs).toBe(0);
    expect(fixture.events.of("released")).toMatchObject([{ why: "store", delayMs: 5_000 }]);
    await fixture.clock.advance("6s");
    expect(runs).toBe(1);
  });

  it("waits for the store if its type says so: 5 s at first, and a minute at last", async () => {
    const fixture = new JobsFixture({}, { whenStoreIsDown: "wait" });
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    registerRunning(fixture);
    await fixture.run();
    await fixture.breakStore();
    const id = await fixture.send({ maxAttempts: 2 });
    await fixture.clock.advance("1h");
    const delays = fixture.events.of("released").map(({ delayMs }) => delayMs);
    expect(runs).toBe(0);
    expect(delays[0]).toBe(5_000);
    expect(delays.at(-1)).toBe(60_000);
    expect(delays.length).toBeGreaterThan(50);
    fixture.isDown = false;
    await fixture.clock.advance("2m");
    expect(runs).toBe(1);
    // No attempt was counted for the store's sake.
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 1 });
  });

  it("that waits for an hour in an ordered queue uses up none of its attempts (H13)", async () => {
    const fixture = new JobsFixture({}, { whenStoreIsDown: "wait" }, { emulate: "pubsub" });
    await fixture.queue.ensure("jobs", { ordering: "by_key" });
    const attempts: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      attempts.push(attempt);
      throw new Error("no");
    });
    registerRunning(fixture);
    await fixture.run();
    await fixture.breakStore();
    const id = await fixture.send({ orderingKey: "k", maxAttempts: 3 });
    await fixture.clock.advance("1h");
    expect(await fixture.counts()).not.toEqual([0, 0, 0, 1]);
    fixture.isDown = false;
    await fixture.clock.advance("1h");
    expect(attempts).toEqual([1, 2, 3]);
    expect(await fixture.status(id)).toBe("failed");
  });

  it("waits if its message says so, although its type runs", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    await fixture.breakStore();
    await fixture.send({}, { system: { qp_job: "full wait" } });
    await fixture.clock.advance("30s");
    expect(runs).toBe(0);
    fixture.isDown = false;
    await fixture.clock.advance("2m");
    expect(runs).toBe(1);
  });
});

describe("an end that cannot be recorded", () => {
  it("is kept, and the message is settled, if the type runs without the store", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    fixture.worker.register("t", async (_, job) => {
      await door.opened;
      await job.save({ at: 3 });
      throw new Error("no");
    });
    await fixture.run();
    const id = await fixture.send({ backoff: { baseMs: 600_000, jitter: false } });
    await fixture.breakStore();
    door.open();
    await fixture.clock.settle();
    expect(fixture.events.of("retrying")).toHaveLength(1);
    expect(await fixture.status(id)).toBe("processing");
    fixture.isDown = false;
    await fixture.clock.advance("5s");
    // The checkpoint has come with the end.
    expect(await fixture.job(id)).toMatchObject({ row: { status: "retrying" }, saved: { at: 3 } });
  });

  it("waits for a checkpoint that is on its way, and has it if that does not arrive", async () => {
    const fixture = new JobsFixture();
    fixture.storeFault = ([change]) => (change?.kind === "touch" ? "hang" : undefined);
    fixture.worker.register("t", (_, job) => {
      void job.save({ at: 5 });
      throw new Error("no");
    });
    await fixture.run();
    const id = await fixture.send({ backoff: { baseMs: 600_000, jitter: false } });
    await fixture.clock.advance("5s");
    expect(await fixture.job(id)).toMatchObject({ row: { status: "retrying" }, saved: { at: 5 } });
  });

  it("keeps the lease, and is tried until it is recorded, if the type waits for the store (H45)", async () => {
    const fixture = new JobsFixture({}, { whenStoreIsDown: "wait" });
    const door = new Door();
    let runs = 0;
    fixture.worker.register("t", () => {
      runs += 1;
      return door.opened;
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.breakStore();
    door.open();
    await fixture.clock.advance("5m");
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);
    expect(fixture.events.of("completed")).toEqual([]);
    fixture.isDown = false;
    await fixture.clock.advance("10s");
    expect(await fixture.status(id)).toBe("completed");
    expect(fixture.events.of("completed")).toHaveLength(1);
    expect(await fixture.counts()).toEqual(EMPTY);
    expect(runs).toBe(1);
  });

  it("is released in a drain, if the type waits for the store", async () => {
    const fixture = new JobsFixture({}, { whenStoreIsDown: "wait" });
    const door = new Door();
    fixture.worker.register("t", () => door.opened);
    await fixture.run();
    await fixture.send();
    await fixture.breakStore();
    door.open();
    await fixture.clock.advance("5s");
    await fixture.clock.until(fixture.worker.stop());
    expect(fixture.events.of("released")).toMatchObject([{ why: "store" }]);
    const [messages, inFlight, delayed, failed] = await fixture.counts();
    expect([(messages ?? 0) + (delayed ?? 0), inFlight, failed]).toEqual([1, 0, 0]);
    expect(fixture.process.warnings).toContain("journal_waits");
  });

  it("since the store cannot hold a part of it is recorded without that part", async () => {
    const fixture = new JobsFixture();
    const { memory } = fixture;
    const apply = memory.apply.bind(memory);
    memory.apply = (namespace, changes) =>
      changes.some((change) => change.kind === "end" && change.result !== undefined)
        ? Promise.reject(new TypeError("a character that the database refuses"))
        : apply(namespace, changes);
    fixture.worker.register("t", () => "\u0000");
    await fixture.run();
    const id = await fixture.send();
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", resultOmitted: "not_json" });
    expect(await fixture.counts()).toEqual(EMPTY);
  });
});

describe("a claim that was applied, and never answered", () => {
  it("is ended by the run that goes on without it (H1)", async () => {
    const fixture = new JobsFixture();
    fixture.storeFault = ([change]) => (change?.kind === "claim" ? "lose_and_hang" : undefined);
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    const id = await fixture.send();
    expect([runs, await fixture.status(id)]).toEqual([0, "processing"]);
    await fixture.clock.advance("2s");
    expect(runs).toBe(1);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 1 });
    expect(await fixture.counts()).toEqual(EMPTY);
  });
});

describe("an end that comes late from the journal", () => {
  it("does not overwrite the completion of a redrive (H3)", async () => {
    const fixture = new JobsFixture();
    let isBad = true;
    fixture.worker.register("t", () => {
      if (isBad) throw new PermanentError("no");
    });
    await fixture.run();
    await fixture.breakStore();
    const id = await fixture.send();
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
    await fixture.clock.until(fixture.worker.stop());
    // Another process, whose breaker is closed, completes the redriven job before the journal is written.
    fixture.isDown = false;
    isBad = false;
    const other = fixture.start();
    other.worker.register("t", () => undefined);
    await fixture.run(other);
    await fixture.clock.until(fixture.queue.deadLetters("jobs").redrive());
    await fixture.clock.settle();
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", generation: 1 });
    await fixture.clock.advance("1m");
    expect(fixture.process.writer.stats.journaled).toBe(0);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", generation: 1 });
  });
});

describe("an outage under load", () => {
  it("costs no job, and all statuses are right 10 s after it", async () => {
    const fixture = new JobsFixture({ concurrency: 20 });
    const runs = new Map<string, number>();
    fixture.worker.register("t", ({ id }) => void runs.set(id, (runs.get(id) ?? 0) + 1));
    await fixture.run();
    const ids = [];
    for (const round of times(60, (n) => n)) {
      if (round === 10) fixture.isDown = true;
      if (round === 50) fixture.isDown = false;
      ids.push(...(await Promise.all(times(10, () => fixture.send()))));
      await fixture.clock.advance("1s");
    }
    await fixture.clock.advance("10s");
    expect(await fixture.counts()).toEqual(EMPTY);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
    const statuses = await Promise.all(ids.map((id) => fixture.status(id)));
    expect(new Set(statuses)).toEqual(new Set(["completed"]));
    expect(statuses).toHaveLength(600);
  });
});
