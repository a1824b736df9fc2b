import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { runUntilIdle } from "../../../src/testing/run-until-idle.ts";
import { HOUR, SECOND } from "../support.ts";
import { Fixture } from "../worker/fixture.ts";

describe("a worker runs until nothing is left", () => {
  test("through backoffs and delays of days, at once", async () => {
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

  test("and handlers get the real time that they need, but what nobody waits for holds up nothing", async () => {
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

  test("what handlers send on the way runs too, in every queue that was named", async () => {
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

  test("through a delay of weeks with few looks at the counts, which take time", async () => {
    const fixture = new Fixture();
    const end = fixture.clock.now() + 14 * 24 * HOUR;
    let looks = 0;
    const stats = fixture.driver.stats.bind(fixture.driver);
    fixture.driver.stats = (queue) => {
      looks += 1;
      return stats(queue);
    };
    fixture.worker.register("mail", () => {});
    await fixture.queue.sendDelayed("jobs", { type: "mail", payload: {} }, { days: 14 });
    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });

    expect(fixture.events.of("completed")).toHaveLength(1);
    expect(fixture.clock.now()).toBeLessThan(end + SECOND);
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
      const fixture = new Fixture({}, { emulate: cloud, queues: ["jobs"], stats: "exact" });
      fixture.worker.register("mail", () => Promise.reject(new Error("no")));
      await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
      await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });
      const deadLetters = await fixture.clock.until(fixture.queue.deadLetters("jobs").list());

      expect(deadLetters).toMatchObject([{ info: { reason: "max_attempts", attempts: 2 } }]);
    },
  );

  test("the same worker may do it again", async () => {
    const fixture = new Fixture();
    let runs = 0;
    fixture.worker.register("mail", () => void (runs += 1));
    for (let round = 1; round <= 2; round += 1) {
      await fixture.send("mail");
      await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });
      expect(runs).toBe(round);
    }
  });
});

describe("it gives up", () => {
  test("where messages are left when the time is over, and stops the worker all the same", async () => {
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

  test("where nothing on the clock would change anything: a worker that is paused", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    fixture.worker.pause();
    await fixture.send("mail");

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("a paused worker") as string,
    });
  });

  test("where a handler never ends, and names it", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => new Promise(() => {}));
    await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "drain_incomplete",
      message: expect.stringContaining("mail") as string,
    });
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });

  test("at once, where it was given a clock that nobody waits by", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});

    await expect(runUntilIdle(fixture.worker, "jobs", { clock: new FakeClock() })).rejects.toMatchObject({
      code: "invalid_options",
      message: expect.stringContaining("createQueue(memory({ clock }))") as string,
    });
    expect(fixture.worker.health().state).toBe("idle");
  });

  test("with what start throws", async () => {
    const fixture = new Fixture();
    await expect(runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock })).rejects.toMatchObject({
      code: "no_handlers",
    });
  });

  test("where the queue does not say what it holds, rather than call it idle", async () => {
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
