import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { runUntilIdle } from "../../../src/testing/run-until-idle.ts";
import { HOUR, SECOND } from "../support.ts";
import { Fixture } from "../worker/fixture.ts";

describe("a worker runs until nothing is left", () => {
  test("through backoffs and delays of days, at once", async () => {
    const bench = new Fixture();
    const runs: [string, number][] = [];
    const start = bench.clock.now();
    bench.worker.register("mail", ({ type }, { attempt }) => {
      runs.push([type, attempt]);
      if (attempt < 3) throw new Error("no");
    });
    bench.worker.register("tips", ({ type }, { attempt }) => void runs.push([type, attempt]));
    await bench.queue.sendDelayed("jobs", { type: "tips", payload: {} }, { days: 3 });
    await bench.send("mail");
    await runUntilIdle(bench.worker, "jobs", { clock: bench.clock });
    expect(runs).toEqual([
      ["mail", 1],
      ["mail", 2],
      ["mail", 3],
      ["tips", 1],
    ]);
    expect(bench.clock.now()).toBeGreaterThanOrEqual(start + 72 * HOUR);
    expect(bench.worker.health().state).toBe("stopped");
    expect(bench.clock.pending).toBe(0);
  });

  test("and handlers get the real time that they need, but what nobody waits for holds up nothing", async () => {
    const bench = new Fixture();
    const real = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    const timers: NodeJS.Timeout[] = [];
    bench.worker.register("slow", () => real(300));
    bench.worker.register("leaves a timer", () => void timers.push(setTimeout(() => {}, 60_000)));
    bench.worker.register("virtual", () => new Promise<void>((resolve) => bench.clock.timer(HOUR, resolve)), {
      timeoutMs: 2 * HOUR,
    });
    for (const type of ["leaves a timer", "slow", "virtual"]) await bench.send(type);
    await runUntilIdle(bench.worker, "jobs", { clock: bench.clock, realMs: 1_000 });
    for (const timer of timers) clearTimeout(timer);
    expect(bench.events.of("failed")).toEqual([]);
    expect(bench.events.of("completed")).toHaveLength(3);
  });

  test("what handlers send on the way runs too, in every queue that was named", async () => {
    const bench = new Fixture();
    const seen: unknown[] = [];
    bench.worker.register("count", async ({ payload }, { queue }) => {
      const left = Number(payload);
      seen.push([queue, left]);
      await new Promise<void>((resolve) => bench.clock.timer(SECOND, resolve));
      if (left > 0) await bench.queue.send(queue === "a" ? "b" : "a", { type: "count", payload: left - 1 });
    });
    await bench.send("count", 3, "a");
    await runUntilIdle(bench.worker, ["a", "b"], { clock: bench.clock });
    expect(seen).toEqual([
      ["a", 3],
      ["b", 2],
      ["a", 1],
      ["b", 0],
    ]);
  });

  test("through a delay of weeks with few looks at the counts, which take time", async () => {
    const bench = new Fixture();
    const end = bench.clock.now() + 14 * 24 * HOUR;
    let looks = 0;
    const stats = bench.driver.stats.bind(bench.driver);
    bench.driver.stats = (queue) => {
      looks += 1;
      return stats(queue);
    };
    bench.worker.register("mail", () => {});
    await bench.queue.sendDelayed("jobs", { type: "mail", payload: {} }, { days: 14 });
    await runUntilIdle(bench.worker, "jobs", { clock: bench.clock });
    expect(bench.events.of("completed")).toHaveLength(1);
    expect(bench.clock.now()).toBeLessThan(end + SECOND);
    expect(looks).toBeLessThan(500);
  });

  test("as Pub/Sub, which does not count, where memory is told to", async () => {
    const told = new Fixture({}, { emulate: "pubsub", queues: ["jobs"], stats: "exact" });
    told.worker.register("mail", () => {});
    await told.queue.sendDelayed("jobs", { type: "mail", payload: {} }, { days: 3 });
    await runUntilIdle(told.worker, "jobs", { clock: told.clock });
    expect(told.events.of("completed")).toHaveLength(1);
  });

  test.each(["sqs", "pubsub", "service-bus"] as const)(
    "as %s, whose dead letters are then listed",
    async (cloud) => {
      const bench = new Fixture({}, { emulate: cloud, queues: ["jobs"], stats: "exact" });
      bench.worker.register("mail", () => Promise.reject(new Error("no")));
      await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
      await runUntilIdle(bench.worker, "jobs", { clock: bench.clock });
      const letters = await bench.clock.until(bench.queue.deadLetters("jobs").list());
      expect(letters).toMatchObject([{ info: { reason: "max_attempts", attempts: 2 } }]);
    },
  );

  test("the same worker may do it again", async () => {
    const bench = new Fixture();
    let runs = 0;
    bench.worker.register("mail", () => void (runs += 1));
    for (let round = 1; round <= 2; round += 1) {
      await bench.send("mail");
      await runUntilIdle(bench.worker, "jobs", { clock: bench.clock });
      expect(runs).toBe(round);
    }
  });
});

describe("it gives up", () => {
  test("where messages are left when the time is over, and stops the worker all the same", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    await bench.queue.sendDelayed("jobs", { type: "mail", payload: {} }, 2 * HOUR);
    const run = runUntilIdle(bench.worker, "jobs", { clock: bench.clock, maxMs: HOUR });
    await expect(run).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("jobs: 1") as string,
    });
    expect(bench.worker.health().state).toBe("stopped");
  });

  test("where nothing on the clock would change anything: a worker that is paused", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    bench.worker.pause();
    await bench.send("mail");
    await expect(runUntilIdle(bench.worker, "jobs", { clock: bench.clock })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("a paused worker") as string,
    });
  });

  test("where a handler never ends, and names it", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => new Promise(() => {}));
    await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });
    await expect(runUntilIdle(bench.worker, "jobs", { clock: bench.clock })).rejects.toMatchObject({
      code: "drain_incomplete",
      message: expect.stringContaining("mail") as string,
    });
    expect(await bench.counts()).toEqual([0, 0, 0, 1]);
  });

  test("at once, where it was given a clock that nobody waits by", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    await expect(runUntilIdle(bench.worker, "jobs", { clock: new FakeClock() })).rejects.toMatchObject({
      code: "invalid_options",
      message: expect.stringContaining("createQueue(memory({ clock }))") as string,
    });
    expect(bench.worker.health().state).toBe("idle");
  });

  test("with what start throws", async () => {
    const bench = new Fixture();
    await expect(runUntilIdle(bench.worker, "jobs", { clock: bench.clock })).rejects.toMatchObject({
      code: "no_handlers",
    });
  });

  test("where the queue does not say what it holds, rather than call it idle", async () => {
    const bench = new Fixture({}, { emulate: "pubsub", queues: ["jobs"] });
    bench.worker.register("mail", () => {});
    await bench.send("mail");
    await expect(runUntilIdle(bench.worker, "jobs", { clock: bench.clock })).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringContaining('stats: "exact"') as string,
    });
    expect(bench.worker.health().state).toBe("stopped");
  });
});
