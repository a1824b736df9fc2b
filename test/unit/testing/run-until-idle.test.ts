import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { runUntilIdle } from "../../../src/testing/run-until-idle.ts";
import { HOUR, SECOND } from "../support.ts";
import { Fixture } from "../worker/fixture.ts";

describe("runUntilIdle", () => {
  test("runs jobs through backoffs and delays of days in virtual time", async () => {
    const fixture = new Fixture();
    const runs: [string, number][] = [];
    const start = fixture.clock.now();
    fixture.worker.register("mail", ({ type }, { attempt }) => {
      runs.push([type, attempt]);
      if (attempt < 3) throw new Error("no");
    });
    fixture.worker.register("tips", ({ type }, { attempt }) => void runs.push([type, attempt]));
    await fixture.queue.sendDelayed("jobs", { type: "tips", payload: {} }, { days: 3 });
    await fixture.send("mail");
    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });

    expect(runs).toEqual([
      ["mail", 1],
      ["mail", 2],
      ["mail", 3],
      ["tips", 1],
    ]);
    expect(fixture.clock.now()).toBeGreaterThanOrEqual(start + 72 * HOUR);
    expect(fixture.worker.health().state).toBe("stopped");
    expect(fixture.clock.pending).toBe(0);
  });

  test("gives handlers the real time that they need, and does not wait for timers that they leave behind", async () => {
    const fixture = new Fixture();
    const real = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    const timers: NodeJS.Timeout[] = [];
    fixture.worker.register("slow", () => real(300));
    fixture.worker.register("leaves a timer", () => void timers.push(setTimeout(() => {}, 60_000)));
    fixture.worker.register(
      "virtual",
      () => new Promise<void>((resolve) => fixture.clock.timer(HOUR, resolve)),
      {
        timeoutMs: 2 * HOUR,
      },
    );
    for (const type of ["leaves a timer", "slow", "virtual"]) await fixture.send(type);

    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock, realMs: 1_000 });
    for (const timer of timers) clearTimeout(timer);

    expect(fixture.events.of("failed")).toEqual([]);
    expect(fixture.events.of("completed")).toHaveLength(3);
  });

  test("runs the jobs that handlers send too, in every given queue", async () => {
    const fixture = new Fixture();
    const seen: unknown[] = [];
    fixture.worker.register("count", async ({ payload }, { queue }) => {
      const left = Number(payload);
      seen.push([queue, left]);
      await new Promise<void>((resolve) => fixture.clock.timer(SECOND, resolve));
      if (left > 0) await fixture.queue.send(queue === "a" ? "b" : "a", { type: "count", payload: left - 1 });
    });
    await fixture.send("count", 3, "a");
    await runUntilIdle(fixture.worker, ["a", "b"], { clock: fixture.clock });

    expect(seen).toEqual([
      ["a", 3],
      ["b", 2],
      ["a", 1],
      ["b", 0],
    ]);
  });

  test("reads the counts less than 500 times in a delay of two weeks", async () => {
    const fixture = new Fixture();
    const end = fixture.clock.now() + 14 * 24 * HOUR;
    let statsCalls = 0;
    const stats = fixture.driver.stats.bind(fixture.driver);
    fixture.driver.stats = (queue) => {
      statsCalls += 1;
      return stats(queue);
    };
    fixture.worker.register("mail", () => {});
    await fixture.queue.sendDelayed("jobs", { type: "mail", payload: {} }, { days: 14 });
    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });

    expect(fixture.events.of("completed")).toHaveLength(1);
    expect(fixture.clock.now()).toBeLessThan(end + SECOND);
    expect(statsCalls).toBeLessThan(500);
  });

  test("runs with an emulated Pub/Sub if the memory driver has exact counts", async () => {
    const fixture = new Fixture({}, { emulate: "pubsub", queues: ["jobs"], stats: "exact" });
    fixture.worker.register("mail", () => {});
    await fixture.queue.sendDelayed("jobs", { type: "mail", payload: {} }, { days: 3 });
    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });

    expect(fixture.events.of("completed")).toHaveLength(1);
  });

  test.each(["sqs", "pubsub", "service-bus"] as const)(
    "runs with an emulated %s until its dead letters can be listed",
    async (emulate) => {
      const fixture = new Fixture({}, { emulate, queues: ["jobs"], stats: "exact" });
      fixture.worker.register("mail", () => Promise.reject(new Error("no")));
      await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
      await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });
      const deadLetters = await fixture.clock.until(fixture.queue.deadLetters("jobs").list());

      expect(deadLetters).toMatchObject([{ info: { reason: "max_attempts", attempts: 2 } }]);
    },
  );

  test("may run the same worker again", async () => {
    const fixture = new Fixture();
    let runs = 0;
    fixture.worker.register("mail", () => void (runs += 1));
    for (let round = 1; round <= 2; round += 1) {
      await fixture.send("mail");
      await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });

      expect(runs).toBe(round);
    }
  });

  test("rejects with timeout if messages are left when its time ends, and stops the worker", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    await fixture.queue.sendDelayed("jobs", { type: "mail", payload: {} }, 2 * HOUR);
    const run = runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock, maxMs: HOUR });

    await expect(run).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("jobs: 1") as string,
    });
    expect(fixture.worker.health().state).toBe("stopped");
  });

  test("rejects with timeout if the worker is paused", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    fixture.worker.pause();
    await fixture.send("mail");

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("a paused worker") as string,
    });
  });

  test("names a handler that never ends in its error", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => new Promise(() => {}));
    await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "drain_incomplete",
      message: expect.stringContaining("mail") as string,
    });
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });

  test("refuses a clock that the queue does not use", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: new FakeClock() })).rejects.toMatchObject({
      code: "invalid_options",
      message: expect.stringContaining("createQueue(memory({ clock }))") as string,
    });
    expect(fixture.worker.health().state).toBe("idle");
  });

  test("rejects with the error of a worker that cannot run", async () => {
    const fixture = new Fixture();
    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "no_handlers",
    });
  });

  test("rejects with not_supported if the queue does not report its counts", async () => {
    const fixture = new Fixture({}, { emulate: "pubsub", queues: ["jobs"] });
    fixture.worker.register("mail", () => {});
    await fixture.send("mail");

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringContaining('stats: "exact"') as string,
    });
    expect(fixture.worker.health().state).toBe("stopped");
  });
});
