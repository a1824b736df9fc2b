import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { Door, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("pause", () => {
  test("takes nothing new, lets what runs finish, and resume takes up again", async () => {
    const bench = new Fixture();
    const door = new Door();
    const seen: unknown[] = [];
    bench.worker.register("mail", async ({ payload }) => {
      seen.push(payload);
      await door.opened;
    });
    await bench.start();
    await bench.send("mail", 1);
    bench.worker.pause();
    await bench.send("mail", 2);
    expect(seen).toEqual([1]);
    expect(bench.worker.health().state).toBe("paused");
    door.open();
    await bench.clock.advance(5 * MINUTE);
    expect(seen).toEqual([1]);
    expect(await bench.counts()).toEqual([1, 0, 0, 0]);
    bench.worker.resume();
    await bench.clock.settle();
    expect(seen).toEqual([1, 2]);
    expect(bench.worker.health().state).toBe("running");
  });

  test("a paused worker drains", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    const working = await bench.start();
    bench.worker.pause();
    const stopped = bench.worker.stop();
    await bench.clock.settle();
    await stopped;
    expect(working.state).toBe("resolved");
  });
});

describe("readiness", () => {
  test("needs a poll that went well lately", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    expect(bench.worker.health()).toMatchObject({ state: "idle", ready: false, live: true });
    await bench.start();
    await bench.send("mail");
    expect(bench.worker.health()).toMatchObject({ state: "running", ready: true, live: true });
    const away = new DriverError("transient", "it is away");
    bench.fault = ({ operation }) => (operation === "receive" ? { kind: "error", error: away } : undefined);
    await bench.clock.advance(30 * SECOND);
    expect(bench.worker.health()).toMatchObject({ ready: false, live: true });
    expect(bench.worker.health().queues[0]?.error).toContain("it is away");
    bench.fault = () => undefined;
    await bench.clock.advance(2 * MINUTE);
    expect(bench.worker.health()).toMatchObject({ ready: true, queues: [{ error: undefined }] });
  });

  test("ends when a poll has not answered for long, and a full worker need not poll", async () => {
    const bench = new Fixture({ concurrency: 1 });
    const door = new Door();
    bench.worker.register("mail", () => door.opened);
    await bench.start();
    await bench.send("mail");
    await bench.clock.advance(3 * MINUTE);
    expect(bench.worker.health()).toMatchObject({ ready: true, running: 1 });
    const never = new Door();
    bench.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: never.opened } : undefined;
    door.open();
    await bench.clock.advance(30 * SECOND);
    expect(bench.worker.health()).toMatchObject({ ready: true, running: 0 });
    expect(bench.events.of("warning")).toEqual([]);
    await bench.clock.advance(61 * SECOND);
    expect(bench.events.of("warning")[0]).toMatchObject({ code: "poll_stalled" });
    expect(bench.worker.health()).toMatchObject({ ready: false, running: 0, live: true });
  });

  test("lasts through a pause, and is not lost for a long poll when it ends", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    await bench.start();
    await bench.clock.advance(30 * SECOND);
    bench.worker.pause();
    await bench.clock.advance(5 * MINUTE);
    expect(bench.worker.health()).toMatchObject({ state: "paused", ready: true });
    bench.worker.resume();
    await bench.clock.advance(SECOND);
    expect(bench.worker.health()).toMatchObject({ state: "running", ready: true });
  });
});

test("a job that outlives its worker's stop is none of what runs after the next start", async () => {
  const bench = new Fixture({ drainMs: SECOND, graceMs: SECOND });
  const [first, second] = [new Door(), new Door()];
  let runs = 0;
  bench.worker.register("first", () => ((runs += 1) === 1 ? first.opened : undefined));
  bench.worker.register("second", () => second.opened);
  await bench.send("first");
  const working = await bench.start();
  const stopped = bench.worker.stop();
  await bench.clock.advance(5 * SECOND);
  await stopped;
  expect(working).toMatchObject({ state: "rejected", error: { code: "drain_incomplete" } });
  await bench.start();
  await bench.send("second");
  await bench.send("second");
  expect(bench.worker.health()).toMatchObject({ running: 2, queues: [{ running: 2 }] });
  first.open();
  await bench.clock.settle();
  expect(bench.worker.health()).toMatchObject({ running: 2, queues: [{ running: 2 }] });
});

describe("a listener that throws", () => {
  test("costs no job its verdict, and stops no time limit", async () => {
    const bench = new Fixture({ timeoutMs: SECOND, graceMs: SECOND });
    const thrown: unknown[] = [];
    const onThrown = (error: unknown): void => void thrown.push(error);
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", onThrown);
    for (const event of ["started", "progress", "completed", "stuck"] as const) {
      bench.worker.on(event, () => {
        throw new Error(event);
      });
    }
    const door = new Door();
    bench.worker.register("quick", (_, context) => context.progress(1));
    bench.worker.register("stuck", () => door.opened);
    await bench.send("quick");
    await bench.send("stuck");
    await bench.send("stuck");
    await bench.start();
    await bench.clock.advance(5 * SECOND);
    expect(bench.events.of("stuck")).toHaveLength(2);
    door.open();
    await bench.clock.settle();
    process.off("uncaughtException", onThrown);
    for (const listener of before) process.on("uncaughtException", listener);
    expect(bench.events.of("completed")).toHaveLength(3);
    expect(bench.events.of("failed")).toEqual([]);
    const messages = thrown.map((error) => (error as Error).message);
    expect(messages.toSorted((a, b) => a.localeCompare(b))).toEqual([
      "completed",
      "completed",
      "completed",
      "progress",
      "started",
      "started",
      "started",
      "stuck",
      "stuck",
    ]);
  });
});

test("events of a job come in the order of its life", async () => {
  const bench = new Fixture();
  bench.worker.register("mail", (_, context) => {
    context.progress(10);
    if (context.attempt < 3) throw new Error("no");
  });
  await bench.send("mail");
  await bench.start();
  await bench.clock.advance(MINUTE);
  const failing = ["started", "progress", "failed", "retrying"];
  expect(bench.events.names).toEqual([...failing, ...failing, "started", "progress", "completed"]);
});

test("progress takes a percentage", async () => {
  const bench = new Fixture();
  bench.worker.register("mail", (_, context) => context.progress(101));
  await bench.send("mail");
  await bench.start();
  expect(bench.events.of("failed")[0]?.error).toMatchObject({ code: "invalid_options" });
});

test("progress of a run that has ended is none", async () => {
  const bench = new Fixture();
  let after: (() => void) | undefined;
  bench.worker.register("mail", (_, { progress }) => {
    after = () => progress(100);
  });
  await bench.send("mail");
  await bench.start();
  after?.();
  expect(bench.events.names).toEqual(["started", "completed"]);
});
