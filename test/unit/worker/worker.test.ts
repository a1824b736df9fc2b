import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../../src/worker/job.ts";
import { Door, HOUR, MINUTE, SECOND, times } from "../support.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { Fixture } from "./fixture.ts";

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

describe("a worker", () => {
  test("refuses a second handler of a type, and invalid types, handlers and options", () => {
    const { worker } = new Fixture();
    worker.register("mail", () => {});

    expect(() => worker.register("mail", () => {})).toThrow(refused("duplicate_handler"));
    expect(() => worker.register("", () => {})).toThrow(refused("invalid_options"));
    expect(() => worker.register("x", undefined as never)).toThrow(refused("invalid_options"));
    expect(() => worker.register("x", () => {}, { concurrency: 0 })).toThrow(refused("invalid_options"));
    expect(() => worker.register(undefined as never, () => {})).toThrow(refused("invalid_options"));
    expect(worker.registered.map(({ type }) => type)).toEqual(["mail"]);
  });

  test("refuses an object that is not a queue, and a job definition without a type", () => {
    for (const queue of [undefined, new Fixture().driver]) {
      expect(() => new Worker(queue as never)).toThrow(refused("invalid_options"));
    }
    expect(() => defineJob({ type: "", schema: z.unknown() })).toThrow(refused("invalid_options"));
  });

  test("refuses to run without handlers, without a queue, or with the same queue twice", async () => {
    const { worker } = new Fixture();
    await expect(worker.run("jobs")).rejects.toMatchObject({ code: "no_handlers" });

    worker.register("mail", () => {});
    await expect(worker.run([])).rejects.toMatchObject({ code: "invalid_options" });
    for (const nothing of [undefined, "", ["a", ""]]) {
      await expect(worker.run(nothing as never)).rejects.toMatchObject({ code: "invalid_options" });
    }
    await expect(worker.run(["a", "a"])).rejects.toMatchObject({ code: "invalid_options" });
    expect(worker.health().state).toBe("idle");
  });

  test("refuses a second run while it is running, and may run again after it has stopped", async () => {
    const fixture = new Fixture();
    const seen: unknown[] = [];
    fixture.worker.register("mail", ({ payload }) => void seen.push(payload));
    await fixture.start();
    await expect(fixture.worker.run("other")).rejects.toMatchObject({ code: "already_running" });

    await fixture.worker.stop();
    await fixture.start();
    await fixture.send("mail", 7);
    expect(seen).toEqual([7]);
  });

  test("rejects its run if a queue does not exist, and drains the other queues", async () => {
    const fixture = new Fixture({}, { emulate: "sqs", queues: ["jobs"] });
    fixture.worker.register("mail", () => {});
    const working = await fixture.start(["jobs", "missing"]);
    await fixture.clock.advance(SECOND);

    expect(working.error).toMatchObject({ code: "not_found", queue: "missing" });
    expect(fixture.worker.health()).toMatchObject({ state: "stopped", live: false });
  });

  test("leaves no listener on the signal of its run", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    const { signal } = new AbortController();
    await fixture.start("jobs", signal);
    expect(getEventListeners(signal, "abort").length).toBeGreaterThan(0);

    await fixture.worker.stop();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("receives nothing if the signal of its run has already aborted", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});

    await expect(fixture.worker.run("jobs", { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow(
      "no",
    );
    expect(fixture.requests).toEqual([]);
  });
});

describe("a message of an unknown type", () => {
  test("waits for a worker that has its handler, and keeps its attempt", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    await fixture.send("new");
    await fixture.start();
    await fixture.clock.advance(10 * MINUTE);
    expect(fixture.events.of("released").every(({ why }) => why === "unknown_type")).toBe(true);

    await fixture.worker.stop();
    const attempts: number[] = [];
    const next = fixture.make();
    next.register("new", (_, { attempt }) => void attempts.push(attempt));
    void next.run("jobs");
    await fixture.clock.advance(10 * MINUTE);
    expect(attempts).toEqual([1]);
  });

  test("is dead-lettered after an hour, with fewer than 30 releases before", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    await fixture.send("new");
    await fixture.start();
    await fixture.clock.advance(HOUR - SECOND);
    expect(fixture.events.of("dead_lettered")).toEqual([]);

    await fixture.clock.advance(2 * SECOND);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "unknown_type" }]);
    expect(fixture.events.of("released").length).toBeLessThan(30);
  });
});

describe("a type with a limit", () => {
  test("does not starve other types, and runs its own jobs within the limit", async () => {
    const fixture = new Fixture({ concurrency: 3 });
    let slow = 0;
    let mostSlow = 0;
    let quick = 0;
    fixture.worker.register(
      "slow",
      async () => {
        slow += 1;
        mostSlow = Math.max(mostSlow, slow);
        await new Promise<void>((resolve) => fixture.clock.timer(10_000, resolve));
        slow -= 1;
      },
      { concurrency: 1 },
    );
    fixture.worker.register("quick", () => void (quick += 1));
    for (const _ of times(12, () => 0)) await fixture.send("slow");
    for (const _ of times(20, () => 0)) await fixture.send("quick");
    await fixture.start();
    await fixture.clock.advance(SECOND);
    expect(quick).toBe(20);

    await fixture.clock.advance(10 * MINUTE);
    expect(mostSlow).toBe(1);
    expect(fixture.events.of("completed")).toHaveLength(32);
    expect(fixture.events.of("completed").every(({ job }) => job.attempt === 1)).toBe(true);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test.each([
    ["short runs", 50, 200, 2, 10],
    ["long runs", 2_000, 100, 4, 10],
    ["one slot", 300, 60, 1, 5],
  ])(
    "completes a backlog within 1.5 times the shortest possible time (%s)",
    async (_, runMs, jobs, slots, concurrency) => {
      const fixture = new Fixture({ concurrency });
      const handle = (): Promise<void> => new Promise((resolve) => fixture.clock.timer(runMs, resolve));
      fixture.worker.register("limited", handle, { concurrency: slots });
      for (const n of times(jobs, (index) => index)) await fixture.send("limited", n);
      const sends = (): number => fixture.requests.filter(({ operation }) => operation === "send").length;
      const before = sends();
      await fixture.start();

      const shortestMs = (jobs / slots) * runMs;
      await fixture.clock.advance(1.5 * shortestMs);

      expect(fixture.events.of("completed")).toHaveLength(jobs);
      expect(sends() - before, "requests for copies that were put aside").toBeLessThan(4 * jobs);
    },
  );
});

test("several queues share their handlers but not their slots, and stop drains every queue", async () => {
  const fixture = new Fixture({ concurrency: 1 });
  const door = new Door();
  const seen: string[] = [];
  fixture.worker.register("mail", async (_, { queue }) => {
    seen.push(queue);
    await door.opened;
  });
  const working = await fixture.start(["a", "b"]);
  for (const queue of ["a", "b", "a"]) await fixture.send("mail", {}, queue);
  expect(seen).toEqual(["a", "b"]);
  expect(fixture.worker.health()).toMatchObject({
    running: 2,
    queues: [
      { queue: "a", running: 1 },
      { queue: "b", running: 1 },
    ],
  });

  const stopped = fixture.worker.stop();
  await fixture.clock.settle();
  expect(fixture.worker.health()).toMatchObject({ state: "draining", ready: false });

  door.open();
  await fixture.clock.settle();
  await stopped;
  expect(working.state).toBe("resolved");
  expect(seen).toEqual(["a", "b"]);
  expect(await fixture.counts("a")).toEqual([1, 0, 0, 0]);
});
