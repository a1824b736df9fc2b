import { describe, expect, test } from "vitest";
import { channels, type JobEvent, type Origin } from "../../../src/diagnostics.ts";
import { PermanentError } from "../../../src/errors.ts";
import type { JobContext } from "../../../src/worker/types.ts";
import { Door, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

const LIMITS = { timeoutMs: 60_000, graceMs: 5_000, hardLimitMs: 30_000 };

/** A worker whose first run ignores its signal, and ends when the door opens. */
function stuck(door: Door, contexts: JobContext[] = []): Fixture {
  const fixture = new Fixture({ concurrency: 1, ...LIMITS });
  fixture.worker.register("mail", async (_, context) => {
    contexts.push(context);
    if (contexts.length === 1) await door.opened;
  });
  return fixture;
}

describe("a job at its timeout", () => {
  test("has its signal aborted, and an error that it then throws counts as the timeout", async () => {
    const fixture = new Fixture(LIMITS);
    fixture.worker.register(
      "mail",
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        }),
    );
    await fixture.send("mail");
    await fixture.start();
    await fixture.clock.advance(59_999);
    expect(fixture.events.names).toEqual(["started"]);

    await fixture.clock.advance(1);
    expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
    expect(fixture.events.of("failed")[0]?.error).toMatchObject({ code: "timeout" });
  });

  test("may still throw a permanent error, or complete", async () => {
    const fixture = new Fixture(LIMITS);
    const until = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    fixture.worker.register("gone", async (_, { signal }) => {
      await until(signal);
      throw new PermanentError("gone");
    });
    fixture.worker.register("done", (_, { signal }) => until(signal));
    await fixture.send("gone");
    await fixture.send("done");
    await fixture.start();
    await fixture.clock.advance(MINUTE);

    expect(fixture.events.of("dead_lettered")).toMatchObject([
      { job: { type: "gone" }, reason: "permanent_error" },
    ]);
    expect(fixture.events.of("completed")).toMatchObject([{ job: { type: "done" } }]);
  });

  test("has the timeout of its type if the type has one", async () => {
    const fixture = new Fixture(LIMITS);
    const aborted: number[] = [];
    const start = fixture.clock.now();
    fixture.worker.register(
      "mail",
      (_, { signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            aborted.push(fixture.clock.now() - start);
            resolve();
          });
        }),
      { timeoutMs: 1_000 },
    );
    await fixture.send("mail");
    await fixture.start();
    await fixture.clock.advance(2 * SECOND);

    expect(aborted).toEqual([1_000]);
  });
});

describe("a job that ignores its timeout", () => {
  test("is stuck after the grace period, keeps its lease, and is not settled", async () => {
    const door = new Door();
    const fixture = stuck(door);
    await fixture.send("mail");
    await fixture.start();
    await fixture.clock.advance(64_999);
    expect(fixture.events.names).toEqual(["started"]);

    await fixture.clock.advance(1);
    expect(fixture.events.of("stuck")).toMatchObject([{ runningMs: 65_000 }]);
    expect(fixture.worker.health()).toMatchObject({
      live: false,
      stuck: [{ type: "mail", runningMs: 65_000 }],
    });

    await fixture.clock.advance(20 * SECOND);
    expect(await fixture.counts()).toEqual([0, 1, 0, 0]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.events.names).toEqual(["started", "stuck", "completed"]);
    expect(fixture.worker.health()).toMatchObject({ live: true, stuck: [] });
  });

  test("is retried at the hard limit, and keeps its slot until it returns", async () => {
    const door = new Door();
    const contexts: JobContext[] = [];
    const fixture = stuck(door, contexts);
    await fixture.send("mail");
    await fixture.start();
    await fixture.clock.advance(90 * SECOND);
    expect(fixture.events.names).toEqual(["started", "stuck", "failed", "retrying"]);

    await fixture.clock.advance(2 * MINUTE);
    expect(contexts).toHaveLength(1);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
    expect(fixture.worker.health()).toMatchObject({ live: false, running: 1 });
    await expect(contexts[0]?.extend()).rejects.toMatchObject({ code: "lease_lost" });

    door.open();
    await fixture.clock.settle();
    expect(fixture.events.names.slice(4)).toEqual(["late", "started", "completed"]);
    expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("is late once if it has also lost its lease", async () => {
    const door = new Door();
    const fixture = stuck(door);
    await fixture.send("mail");
    await fixture.start();
    const never = new Door();
    fixture.fault = ({ operation }) =>
      operation === "settle" ? { kind: "stall", until: never.opened } : undefined;
    await fixture.clock.advance(60 * SECOND);
    expect(fixture.events.of("lease_lost")).toHaveLength(1);

    fixture.fault = () => undefined;
    await fixture.clock.advance(60 * SECOND);
    door.open();
    await fixture.clock.settle();
    expect(fixture.events.of("late")).toHaveLength(1);
  });

  test("is named in the error of a drain that cannot end it", async () => {
    const door = new Door();
    const fixture = stuck(door);
    const id = await fixture.send("mail");
    const working = await fixture.start();
    const stopped = fixture.worker.stop();
    await fixture.clock.advance(30 * SECOND);
    await stopped;

    expect(working.error).toMatchObject({
      code: "drain_incomplete",
      message: expect.stringContaining(`mail ${id}`) as string,
    });
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
    expect(fixture.worker.health().state).toBe("stopped");
  });
});

test("progress and stuck events of a job reach the diagnostics channel with their queue", async () => {
  const door = new Door();
  const fixture = new Fixture(LIMITS);
  fixture.worker.register("mail", async (_, context) => {
    context.progress(50, "half");
    await door.opened;
  });
  const seen: (JobEvent & Origin)[] = [];
  const onJob = (event: unknown): void => void seen.push(event as JobEvent & Origin);
  channels.job.subscribe(onJob);
  await fixture.send("mail");
  await fixture.start();
  await fixture.clock.advance(70 * SECOND);
  channels.job.unsubscribe(onJob);

  expect(seen.map(({ event }) => event)).toEqual(["started", "progress", "stuck"]);
  expect(
    seen.every(
      ({ source, queue, provider }) => source === fixture.queue && queue === "jobs" && provider === "memory",
    ),
  ).toBe(true);
  expect(fixture.events.of("progress")).toMatchObject([{ percent: 50, note: "half" }]);
});
