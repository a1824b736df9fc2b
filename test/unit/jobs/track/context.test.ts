import { describe, expect, it } from "vitest";
import type { TrackedContext } from "../../../../src/jobs/tracked-context.ts";
import { Door, SECOND, times } from "../../support.ts";
import { JobsFixture } from "./fixture.ts";

/** Runs one job with a handler, and returns the error of the handler. */
async function errorOf(handler: (job: TrackedContext) => unknown): Promise<unknown> {
  const fixture = new JobsFixture();
  let thrown: unknown;
  fixture.worker.register("t", async (_, job) => {
    try {
      await handler(job);
    } catch (error) {
      thrown = error;
    }
  });
  await fixture.run();
  await fixture.send();
  return thrown;
}

describe("the context of a handler", () => {
  it("can be destructured, and has the facts of the job", async () => {
    const fixture = new JobsFixture();
    let seen: unknown;
    fixture.worker.register("t", ({ id }, context) => {
      const { idempotencyKey, fence, tenant, priority, isTracked, saved, queue, attempt, progress, log } =
        context;
      progress(10);
      log("debug", "seen");
      seen = [idempotencyKey === id, fence > 0, tenant, priority, isTracked, saved, queue, attempt];
    });
    await fixture.run();
    await fixture.send({ tenant: "acme" });
    expect(seen).toEqual([true, true, "acme", "normal", true, undefined, "jobs", 1]);
  });

  it("has a higher fence in each run", async () => {
    const fixture = new JobsFixture();
    const fences: number[] = [];
    fixture.worker.register("t", (_, { fence }) => {
      fences.push(fence);
      throw new Error("no");
    });
    await fixture.run();
    await fixture.send({ maxAttempts: 3 });
    await fixture.clock.advance("10m");
    expect(fences).toHaveLength(3);
    expect(fences.toSorted((one, other) => one - other)).toEqual(fences);
    expect(new Set(fences).size).toBe(3);
  });

  it("has the same functions if the type is not tracked, and writes nothing", async () => {
    const fixture = new JobsFixture({}, { track: "off" });
    let seen: unknown;
    fixture.worker.register("t", async (_, job) => {
      job.progress(50);
      await job.save({ at: 1 });
      const step = await job.step("one", () => 1);
      const items: number[] = [];
      await job.iterate([1, 2], { key: "all", each: (item) => items.push(item) });
      seen = [job.isTracked, job.saved, step, items];
      return "x";
    });
    await fixture.run();
    const id = await fixture.send();
    expect(seen).toEqual([false, { at: 1 }, 1, [1, 2]]);
    expect(fixture.changes).toEqual([]);
    expect(await fixture.job(id)).toBeUndefined();
    // A message that was sent from the record of its job is tracked all the same (H18).
    const born = await fixture.send({}, { system: { qp_job: "full" } });
    expect(await fixture.status(born)).toBe("completed");
  });
});

describe("progress", () => {
  it("is recorded with two decimals", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", async (_, { progress, save }) => {
      progress(100 / 3);
      await save({});
      await new Promise(() => {});
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.settle();
    expect((await fixture.job(id))?.row.progress).toBe(33.33);
  });

  it("is written soon after the start, then at most once a second, the last one wins, and it ends with the job", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    let report: (percent: number, note?: string) => void = () => undefined;
    fixture.worker.register("t", (_, { progress }) => {
      report = progress;
      return door.opened;
    });
    await fixture.run();
    const id = await fixture.send();
    for (const percent of times(100, (n) => n)) report(percent, `step ${percent}`);
    await fixture.clock.advance(249);
    expect(fixture.kinds).toEqual(["claim"]);
    await fixture.clock.advance(1);
    expect((await fixture.job(id))?.row).toMatchObject({ progress: 99, progressMessage: "step 99" });
    report(1);
    report(2);
    await fixture.clock.advance(SECOND - 1);
    expect(fixture.kinds).toEqual(["claim", "touch"]);
    await fixture.clock.advance(1);
    expect(fixture.kinds).toEqual(["claim", "touch", "touch"]);
    const row = (await fixture.job(id))?.row;
    expect([row?.progress, row?.progressMessage]).toEqual([2, undefined]);
    report(3);
    door.open();
    await fixture.clock.settle();
    expect(fixture.kinds).toEqual(["claim", "touch", "touch", "end"]);
    expect(fixture.events.of("progress")).toHaveLength(103);
    report(4);
    await fixture.clock.advance("5s");
    expect(fixture.kinds).toHaveLength(4);
  });

  it("is refused out of range", async () => {
    expect(await errorOf((job) => job.progress(101))).toMatchObject({ code: "invalid_options" });
  });
});

describe("save", () => {
  it("is durable when it resolves, and the next run has it", async () => {
    const fixture = new JobsFixture();
    const seen: unknown[] = [];
    fixture.worker.register("t", async ({ id }, job) => {
      seen.push(job.saved);
      if (job.attempt > 1) return;
      const value = { at: 1 };
      await job.save(value);
      value.at = 2;
      seen.push(job.saved, (await fixture.job(id))?.saved);
      throw new Error("no");
    });
    await fixture.run();
    await fixture.send();
    await fixture.clock.advance("10m");
    expect(seen).toEqual([undefined, { at: 1 }, { at: 1 }, { at: 1 }]);
  });

  it("refuses what is no JSON, and what is larger than 256 KB", async () => {
    const bad = (await errorOf((job) => job.save({ f: (() => 1) as never }))) as Error;
    expect(bad).toMatchObject({ code: "invalid_options" });
    expect(bad.message).toContain('In the checkpoint of "t", saved.f is a function');
    expect(await errorOf((job) => job.save(undefined as never))).toMatchObject({ code: "invalid_options" });
    expect(await errorOf((job) => job.save(10n as never))).toMatchObject({ code: "invalid_options" });
    expect(await errorOf((job) => job.save("x".repeat(262_143)))).toMatchObject({ code: "too_large" });
    expect(await errorOf((job) => job.save("x".repeat(262_142)))).toBeUndefined();
  });

  it("rejects as lease_lost when another run has taken the job over", async () => {
    const fixture = new JobsFixture();
    let thrown: unknown;
    const door = new Door();
    fixture.worker.register("t", async (_, job) => {
      await door.opened;
      await job.save(1).catch((error: unknown) => {
        thrown = error;
      });
    });
    await fixture.run();
    const id = await fixture.send();
    const hold = (await fixture.job(id))?.row.hold;
    const end = { seq: 99, generation: 0, attempt: 1, workerId: "x", durationMs: 0, isUntracked: false };
    await fixture.apply({ kind: "end", id, token: hold?.token, outcome: "failed", ...end });
    door.open();
    await fixture.clock.settle();
    expect(thrown).toMatchObject({ code: "lease_lost" });
  });
});

describe("step", () => {
  it("runs once a job: a later run gets the recorded result", async () => {
    const fixture = new JobsFixture();
    const calls: string[] = [];
    const results: unknown[] = [];
    fixture.worker.register("t", async (_, { step, attempt }) => {
      const one = await step("one", () => {
        calls.push("one");
        return Promise.resolve({ rows: [1], at: new Date(0) as never });
      });
      const none = await step("none", () => void calls.push("none"));
      results.push(one, none);
      await step("two", () => {
        calls.push("two");
        if (attempt === 1) throw new Error("no");
      });
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("10m");
    expect(await fixture.status(id)).toBe("completed");
    expect(calls).toEqual(["one", "none", "two", "two"]);
    // The first run sees what a later one gets from the record.
    const one = { rows: [1], at: "1970-01-01T00:00:00.000Z" };
    expect(results).toEqual([one, null, one, null]);
  });

  it("refuses a name that was used before, an empty one, and a result that is no JSON", async () => {
    const twice = await errorOf(async ({ step }) => {
      await step("a", () => 1);
      await step("a", () => 2);
    });
    expect(twice).toMatchObject({ code: "invalid_options" });
    expect(await errorOf(({ step }) => step("", () => 1))).toMatchObject({ code: "invalid_options" });
    expect(await errorOf(({ step }) => step("iterate/x", () => 1))).toMatchObject({
      code: "invalid_options",
    });
    expect(await errorOf(({ step }) => step("m", () => new Map() as never))).toMatchObject({
      code: "invalid_options",
    });
  });
});

describe("log", () => {
  it("is kept with the job, and never fails it", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", (_, { log }) => {
      log("info", "a", { n: 1 });
      log("warn", "b", { big: 10n as never });
      log("error", "c", { text: "x".repeat(20_000) });
      log("debug", "y".repeat(5_000));
    });
    await fixture.run();
    const id = await fixture.send();
    const logs = (await fixture.job(id))?.logs ?? [];
    expect(logs.map(({ level, fields }) => [level, fields])).toEqual([
      ["info", { n: 1 }],
      ["warn", { omitted: "not_json" }],
      ["error", { omitted: "too_large" }],
      ["debug", undefined],
    ]);
    expect(logs[3]?.message).toHaveLength(4_096);
    expect(logs[0]?.at).toBe(fixture.clock.now());
  });

  it("keeps the last 100 lines of a handler that writes many", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", (_, { log }) => {
      for (const n of times(5_000, (index) => index)) log("info", `line ${n}`);
    });
    await fixture.run();
    const id = await fixture.send();
    const logs = (await fixture.job(id))?.logs ?? [];
    expect([logs.length, logs[0]?.message, logs.at(-1)?.message]).toEqual([100, "line 4900", "line 4999"]);
  });
});
