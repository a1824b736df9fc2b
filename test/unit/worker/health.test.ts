import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { PermanentError } from "../../../src/errors.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { HealthRecord } from "../../../src/worker/health.ts";
import { Door, HOUR, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { RecordedLogger } from "./recorded-logger.ts";

describe("a paused worker", () => {
  test("starts no job until it is resumed, and lets running jobs finish", async () => {
    const fixture = new Fixture();
    const door = new Door();
    const seen: unknown[] = [];
    fixture.worker.register("mail", async ({ payload }) => {
      seen.push(payload);
      await door.opened;
    });
    await fixture.start();
    await fixture.send("mail", 1);
    fixture.worker.pause();
    await fixture.send("mail", 2);
    expect(seen).toEqual([1]);
    expect(fixture.worker.health().state).toBe("paused");

    door.open();
    await fixture.clock.advance(5 * MINUTE);
    expect(seen).toEqual([1]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);

    fixture.worker.resume();
    await fixture.clock.settle();
    expect(seen).toEqual([1, 2]);
    expect(fixture.worker.health().state).toBe("running");
  });

  test("drains when it is stopped", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    const working = await fixture.start();
    fixture.worker.pause();
    const stopped = fixture.worker.stop();
    await fixture.clock.settle();
    await stopped;

    expect(working.state).toBe("resolved");
  });
});

describe("the readiness of a worker", () => {
  test("requires a recent poll that succeeded", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    expect(fixture.worker.health()).toMatchObject({ state: "idle", ready: false, live: true });

    await fixture.start();
    await fixture.send("mail");
    expect(fixture.worker.health()).toMatchObject({ state: "running", ready: true, live: true });

    const unavailable = new DriverError("transient", "it is away");
    fixture.fault = ({ operation }) =>
      operation === "receive" ? { kind: "error", error: unavailable } : undefined;
    await fixture.clock.advance(30 * SECOND);
    expect(fixture.worker.health()).toMatchObject({ ready: false, live: true });
    expect(fixture.worker.health().queues[0]?.error).toContain("it is away");

    fixture.fault = () => undefined;
    await fixture.clock.advance(2 * MINUTE);
    expect(fixture.worker.health()).toMatchObject({ ready: true, queues: [{ error: undefined }] });
  });

  test("ends when a poll does not answer, but not while a full worker makes no poll", async () => {
    const fixture = new Fixture({ concurrency: 1 });
    const door = new Door();
    fixture.worker.register("mail", () => door.opened);
    await fixture.start();
    await fixture.send("mail");
    await fixture.clock.advance(3 * MINUTE);
    expect(fixture.worker.health()).toMatchObject({ ready: true, running: 1 });

    const never = new Door();
    fixture.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: never.opened } : undefined;
    door.open();
    await fixture.clock.advance(30 * SECOND);
    expect(fixture.worker.health()).toMatchObject({ ready: true, running: 0 });
    expect(fixture.events.of("warning")).toEqual([]);

    await fixture.clock.advance(61 * SECOND);
    expect(fixture.events.of("warning")[0]).toMatchObject({ code: "poll_stalled" });
    expect(fixture.worker.health()).toMatchObject({ ready: false, running: 0, live: true });
  });

  test("lasts through a pause, and through the first long poll after it", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    await fixture.start();
    await fixture.clock.advance(30 * SECOND);
    fixture.worker.pause();
    await fixture.clock.advance(5 * MINUTE);
    expect(fixture.worker.health()).toMatchObject({ state: "paused", ready: true });

    fixture.worker.resume();
    await fixture.clock.advance(SECOND);
    expect(fixture.worker.health()).toMatchObject({ state: "running", ready: true });
  });
});

test("a job that outlives the stop of its worker is not counted as running after the next start", async () => {
  const fixture = new Fixture({ drainMs: SECOND, graceMs: SECOND });
  const [first, second] = [new Door(), new Door()];
  let runs = 0;
  fixture.worker.register("first", () => ((runs += 1) === 1 ? first.opened : undefined));
  fixture.worker.register("second", () => second.opened);
  await fixture.send("first");
  const working = await fixture.start();
  const stopped = fixture.worker.stop();
  await fixture.clock.advance(5 * SECOND);
  await stopped;
  expect(working).toMatchObject({ state: "rejected", error: { code: "drain_incomplete" } });

  await fixture.start();
  await fixture.send("second");
  await fixture.send("second");
  expect(fixture.worker.health()).toMatchObject({ running: 2, queues: [{ running: 2 }] });

  first.open();
  await fixture.clock.settle();
  expect(fixture.worker.health()).toMatchObject({ running: 2, queues: [{ running: 2 }] });
});

test("the events of a job are emitted in the order of its attempts", async () => {
  const fixture = new Fixture();
  fixture.worker.register("mail", (_, context) => {
    context.progress(10);
    if (context.attempt < 3) throw new Error("no");
  });
  await fixture.send("mail");
  await fixture.start();
  await fixture.clock.advance(MINUTE);

  const failing = ["started", "progress", "failed", "retrying"];
  expect(fixture.events.names).toEqual([...failing, ...failing, "started", "progress", "completed"]);
});

test("progress beyond 100 percent fails the run", async () => {
  const fixture = new Fixture();
  fixture.worker.register("mail", (_, context) => context.progress(101));
  await fixture.send("mail");
  await fixture.start();

  expect(fixture.events.of("failed")[0]?.error).toMatchObject({ code: "invalid_options" });
});

test("progress after the end of a run is not emitted", async () => {
  const fixture = new Fixture();
  let after: (() => void) | undefined;
  fixture.worker.register("mail", (_, { progress }) => {
    after = () => progress(100);
  });
  await fixture.send("mail");
  await fixture.start();
  after?.();

  expect(fixture.events.names).toEqual(["started", "completed"]);
});

test("a worker whose dead letters fail is not ready until one of them is moved, and logs it as an error", async () => {
  const logger = new RecordedLogger();
  const fixture = new Fixture({ logger }, { emulate: "sqs" });
  await fixture.queue.ensure("jobs");
  fixture.worker.register("mail", () => {
    throw new PermanentError("never");
  });
  const gone = new DriverError("not_found", "it is gone");
  fixture.fault = ({ operation, queue }) =>
    operation === "send" && queue === "jobs-dlq" ? { kind: "error", error: gone } : undefined;
  await fixture.start();
  await fixture.send("mail");
  await fixture.clock.advance(SECOND);
  const { ready, live, queues } = fixture.worker.health();
  expect([ready, live]).toEqual([false, true]);
  expect(queues[0]?.error).toMatch(/^dead letters cannot be moved: .*it is gone/);
  expect(logger.lines.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
    "a message could not be moved to the dead letters; the move will be tried again",
  ]);

  fixture.fault = () => undefined;
  await fixture.clock.advance(MINUTE);
  expect(fixture.worker.health()).toMatchObject({ ready: true, queues: [{ error: undefined }] });
});

test.each([-HOUR, 0, HOUR])(
  "a dead letter that failed once does not count after some minutes, also if the time of day was set by %d ms",
  async (byMs) => {
    const clock = new FakeClock();
    const record = new HealthRecord(clock, 1);
    record.start(["jobs"]);
    const error = new Error("no");
    record.saw({
      event: "settle_failed",
      queue: "jobs",
      id: "1",
      operation: "dead_letter",
      error,
      kind: "auth",
    });
    const errorOf = (): string | undefined => record.report("running").queues[0]?.error;
    expect(errorOf()).toContain("dead letters cannot be moved");
    clock.setTime(clock.now() + byMs);
    await clock.advance(5 * MINUTE);
    expect(errorOf()).toContain("dead letters cannot be moved");
    await clock.advance(MINUTE);
    expect(errorOf()).toBeUndefined();
    record.stop();
  },
);
