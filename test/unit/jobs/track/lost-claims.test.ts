import { describe, expect, it } from "vitest";
import type { JobChange } from "../../../../src/jobs/store/change.ts";
import type { StoreFault } from "../../../../src/jobs/testing/faulty-job-store.ts";
import { PermanentError } from "../../../../src/errors.ts";
import { unhandledDuring } from "../../support.ts";
import { JobsFixture } from "./fixture.ts";

/** The first claim is granted, and its answer never comes. */
function firstClaimLost(): (changes: readonly JobChange[]) => StoreFault | undefined {
  let isFirst = true;
  return (changes) => {
    if (!isFirst || !changes.some(({ kind }) => kind === "claim")) return undefined;
    isFirst = false;
    return "lose_and_hang";
  };
}

describe("a claim that was granted, and whose answer was lost,", () => {
  it("uses up no attempt of a job that waits for the store", async () => {
    const fixture = new JobsFixture({}, { whenStoreIsDown: "wait" });
    fixture.storeFault = firstClaimLost();
    const attempts: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      attempts.push(attempt);
      throw new Error("no");
    });
    await fixture.run();
    const id = await fixture.send({ maxAttempts: 2 });
    await fixture.clock.advance("10m");
    expect(attempts).toEqual([1, 2]);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "failed", runs: 2 });
  });

  it("does not hold a job that waits for the store, also if the store is down for long", async () => {
    const fixture = new JobsFixture({}, { whenStoreIsDown: "wait" });
    fixture.storeFault = firstClaimLost();
    const startedAt: number[] = [];
    fixture.worker.register("t", () => void startedAt.push(fixture.clock.now()));
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance(1_000);
    await fixture.breakStore();
    fixture.isDown = false;
    const back = fixture.clock.now();
    await fixture.clock.advance("1m");
    expect(startedAt).toHaveLength(1);
    expect((startedAt[0] as number) - back).toBeLessThan(7_000);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", runs: 1 });
  });

  it("uses up no attempt of a run that the drain has released", async () => {
    const fixture = new JobsFixture({ drainMs: 1_000 });
    fixture.storeFault = firstClaimLost();
    fixture.worker.register(
      "t",
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
    );
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance(3_000);
    expect(fixture.events.of("started")).toHaveLength(1);
    const stopping = fixture.worker.stop();
    await fixture.clock.advance("10s");
    await stopping;
    expect((await fixture.job(id))?.row).toMatchObject({ status: "queued", runs: 0 });
  });
});

describe("while the store is down,", () => {
  it("a forced retry of a job that is completed waits for the store, and is not lost", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    const createdAt = fixture.clock.now();
    const id = await fixture.send();
    await fixture.apply({ kind: "reopen", id, token: "r", force: true, takenMs: 60_000 });
    await fixture.breakStore();
    await fixture.send({ id }, { createdAt, system: { qp_redrive: 1, qp_job: `full t=${createdAt}` } });
    expect(fixture.events.of("not_run")).toEqual([]);
    await fixture.clock.advance("1m");
    fixture.isDown = false;
    await fixture.clock.advance("2m");
    expect(runs).toBe(2);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", generation: 1 });
  });

  it("a job whose failure was overruled by its cancellation is not dead-lettered when it is redelivered", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", async ({ id }) => {
      await fixture.memory.apply("test", [{ kind: "cancel", id }]);
      throw new PermanentError("no");
    });
    await fixture.run();
    const createdAt = fixture.clock.now();
    const id = await fixture.send();
    expect(await fixture.status(id)).toBe("cancelled");
    await fixture.breakStore();
    await fixture.send({ id }, { createdAt });
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "cancelled" }, { why: "cancelled" }]);
    expect((await fixture.counts())[3]).toBe(0);
  });
});

describe("a handler", () => {
  it("that saves without waiting does not end the process when its job was taken over", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", async ({ id }, { save }) => {
      const row = (await fixture.memory.get("test", [id]))[0]?.row;
      const { token = "none" } = row?.hold ?? {};
      await fixture.memory.apply("test", [
        {
          kind: "end",
          id,
          token,
          isUntracked: false,
          seq: 9,
          generation: 0,
          attempt: 1,
          outcome: "released",
          workerId: "other",
          durationMs: 0,
        },
      ]);
      void save({ n: 1 });
    });
    await fixture.run();
    expect(await unhandledDuring(async () => void (await fixture.send()))).toEqual([]);
  });

  it("that makes its payload circular is complete, and its job is recorded", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", ({ payload }) => {
      runs += 1;
      (payload as { self: unknown }).self = payload;
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("5m");
    expect(runs).toBe(1);
    expect(await fixture.job(id)).toMatchObject({
      row: { status: "completed" },
      message: { payload: { n: 1 } },
    });
  });

  it("that iterates without waiting for anything leaves the process its turns", async () => {
    const fixture = new JobsFixture();
    let items = 0;
    let isStopped = false;
    function* endless(): Generator<number> {
      while (!isStopped && items < 300_000) yield (items += 1);
    }
    fixture.worker.register("t", async (_, { iterate }) => {
      setImmediate(() => (isStopped = true));
      await iterate(endless(), { key: "all", each: () => undefined });
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("1m");
    expect(items).toBeLessThan(100_000);
    expect(await fixture.status(id)).toBe("completed");
  });
});
