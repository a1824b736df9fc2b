import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { JobDefinition } from "../../../src/worker/job.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { Door, HOUR, MINUTE, SECOND, times } from "../support.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { Fixture } from "./fixture.ts";

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

describe("a worker that is set up wrongly says so", () => {
  test("two handlers of one type, or none that can be called", () => {
    const { worker } = new Fixture();
    worker.register("mail", () => {});

    expect(() => worker.register("mail", () => {})).toThrow(refused("duplicate_handler"));
    expect(() => worker.register("", () => {})).toThrow(refused("invalid_options"));
    expect(() => worker.register("x", undefined as never)).toThrow(refused("invalid_options"));
    expect(() => worker.register("x", () => {}, { concurrency: 0 })).toThrow(refused("invalid_options"));
    expect(() => worker.register(undefined as never, () => {})).toThrow(refused("invalid_options"));
    expect(worker.registered.map(({ type }) => type)).toEqual(["mail"]);
  });

  test("something else than a queue to work on, or than a type to define", () => {
    for (const queue of [undefined, new Fixture().driver]) {
      expect(() => new Worker(queue as never)).toThrow(refused("invalid_options"));
    }
    expect(() => defineJob({ type: "", schema: z.unknown() })).toThrow(refused("invalid_options"));
  });

  test("no handlers, no queue, one queue twice", async () => {
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

  test("a second start while it runs; after it has stopped, it may start again", async () => {
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

  test("a queue that does not exist ends start, and the others are drained", async () => {
    const fixture = new Fixture({}, { emulate: "sqs", queues: ["jobs"] });
    fixture.worker.register("mail", () => {});
    const working = await fixture.start(["jobs", "missing"]);
    await fixture.clock.advance(SECOND);

    expect(working.error).toMatchObject({ code: "not_found", queue: "missing" });
    expect(fixture.worker.health()).toMatchObject({ state: "stopped", live: false });
  });

  test("a signal that has aborted: nothing starts", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});

    await expect(fixture.worker.run("jobs", { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow(
      "no",
    );
    expect(fixture.requests).toEqual([]);
  });
});

describe("a job definition", () => {
  const order: JobDefinition<{ n: number }, { n: bigint }> = defineJob({
    type: "order",
    maxAttempts: 2,
    schema: {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        types: undefined as unknown as { input: { n: number }; output: { n: bigint } },
        validate: (value: unknown) =>
          typeof (value as { n?: unknown } | null)?.n === "number"
            ? { value: { n: BigInt((value as { n: number }).n) } }
            : { issues: [{ message: "no number", path: ["n"] }] },
      },
    },
  });

  test("validates what is sent, and gives the handler what its schema makes of it", async () => {
    const fixture = new Fixture();
    const seen: unknown[] = [];
    fixture.worker.register(order, ({ payload, maxAttempts }) => void seen.push(payload.n, maxAttempts));
    const bad = fixture.queue.send("jobs", order.message({ n: "x" } as never));
    await expect(bad).rejects.toMatchObject({
      code: "invalid_payload",
      message: expect.stringContaining("n: no number") as string,
    });

    await fixture.queue.send("jobs", order.message({ n: 1 }, { maxAttempts: undefined }));
    await fixture.start();
    expect(seen).toEqual([1n, 2]);
  });

  test("a payload that does not fit on receipt is dead-lettered, without a run", async () => {
    const fixture = new Fixture();
    let runs = 0;
    fixture.worker.register(order, () => void (runs += 1));
    await fixture.send("order", { n: "x" });
    await fixture.start();

    expect(runs).toBe(0);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "invalid_payload" }]);
  });
});

describe("a schema", () => {
  const validator = (validate: (value: unknown) => unknown): JobDefinition =>
    defineJob({
      type: "order",
      schema: { "~standard": { version: 1, vendor: "test", validate: validate as never } },
    });

  test("that throws has not judged the payload: it is tried again", async () => {
    const fixture = new Fixture();
    let validations = 0;
    const job = validator((value) => {
      validations += 1;
      return validations === 1 ? Promise.reject(new Error("the database is away")) : { value };
    });
    const seen: unknown[] = [];
    fixture.worker.register(job, ({ payload }) => void seen.push(payload));
    await fixture.send("order", 1);
    await fixture.start();
    await fixture.clock.advance(SECOND);

    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(seen).toEqual([1]);
  });

  test("that answers when the message has had its verdict starts no handler any more", async () => {
    const fixture = new Fixture({ timeoutMs: SECOND, graceMs: SECOND, hardLimitMs: 5 * SECOND });
    const door = new Door();
    const job = validator((value) => door.opened.then(() => ({ value })));
    const runs: number[] = [];
    fixture.worker.register(job, (_, { attempt }) => void runs.push(attempt));
    await fixture.send("order", 1);
    await fixture.start();
    await fixture.clock.advance(7 * SECOND);
    expect(fixture.events.names).toEqual(["started", "stuck", "failed", "retrying", "started"]);

    door.open();
    await fixture.clock.advance(MINUTE);
    expect(runs).toEqual([2]);
    expect(fixture.worker.health().running).toBe(0);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("that answers after the timeout has cost the run", async () => {
    const fixture = new Fixture({ timeoutMs: SECOND });
    const door = new Door();
    const job = validator((value) => door.opened.then(() => ({ value })));
    const runs: number[] = [];
    fixture.worker.register(job, (_, { attempt }) => void runs.push(attempt));
    await fixture.send("order", 1);
    await fixture.start();
    await fixture.clock.advance(2 * SECOND);
    door.open();
    await fixture.clock.advance(MINUTE);

    expect(runs).toEqual([2]);
    expect(fixture.events.of("failed")).toMatchObject([{ error: { code: "timeout" } }]);
  });

  test("that answers with a promise of another make is waited for", async () => {
    const fixture = new Fixture();
    // oxlint-disable-next-line unicorn/no-thenable -- that it is one is the point
    const job = validator((value) => ({ then: (resolve: (result: unknown) => void) => resolve({ value }) }));
    const seen: unknown[] = [];
    fixture.worker.register(job, ({ payload }) => void seen.push(payload));
    await fixture.send("order", 1);
    await fixture.start();

    expect(seen).toEqual([1]);
  });
});

describe("a type that nobody knows", () => {
  test("waits for a worker that does, its attempt unchanged", async () => {
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

  test("is dead-lettered after an hour, and was not looked at too often", async () => {
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

describe("a slow type at its limit", () => {
  test("does not starve the others, and all of it runs, one at a time", async () => {
    const fixture = new Fixture({ concurrency: 3 });
    let slow = 0;
    let most = 0;
    let quick = 0;
    fixture.worker.register(
      "slow",
      async () => {
        slow += 1;
        most = Math.max(most, slow);
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
    expect(most).toBe(1);
    expect(fixture.events.of("completed")).toHaveLength(32);
    expect(fixture.events.of("completed").every(({ job }) => job.attempt === 1)).toBe(true);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });
});

describe("a backlog of a type that is limited", () => {
  test.each([
    ["short runs", 50, 200, 2, 10],
    ["long runs", 2_000, 100, 4, 10],
    ["one at a time", 300, 60, 1, 5],
  ])("%s: its places are never empty for long", async (_, runMs, jobs, places, concurrency) => {
    const fixture = new Fixture({ concurrency });
    const handle = (): Promise<void> => new Promise((resolve) => fixture.clock.timer(runMs, resolve));
    fixture.worker.register("limited", handle, { concurrency: places });
    for (const n of times(jobs, (index) => index)) await fixture.send("limited", n);
    const sends = (): number => fixture.requests.filter(({ operation }) => operation === "send").length;
    const before = sends();
    await fixture.start();
    const atBestMs = (jobs / places) * runMs;
    await fixture.clock.advance(1.5 * atBestMs);

    expect(fixture.events.of("completed")).toHaveLength(jobs);
    expect(sends() - before, "copies that went away, each with a request of its own at worst").toBeLessThan(
      4 * jobs,
    );
  });
});

test("several queues share handlers and not slots; stop drains them all", async () => {
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
