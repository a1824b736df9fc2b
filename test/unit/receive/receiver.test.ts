import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { PauseController } from "../../../src/lib/pause.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Door, MINUTE, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

const EMPTY = [0, 0, 0, 0];

test("a receiver handles twice as many messages as it has slots while no settlement is confirmed", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  const door = new Door();
  fixture.fault = ({ operation }) =>
    operation === "settle" ? { kind: "stall", until: door.opened } : undefined;
  await Promise.all(times(100, () => fixture.send("mail")));
  let handled = 0;
  fixture.receive(() => void (handled += 1), { concurrency: 30 });
  await fixture.clock.advance(SECOND);
  expect(handled).toBe(60);

  door.open();
  await fixture.clock.advance(SECOND);
  expect(handled).toBe(100);
});

test("a type whose limit function throws runs one job at a time, and other types are not limited", async () => {
  const fixture = new Fixture();
  await fixture.send("bad", "good", "bad", "good", "bad");
  const doors = times(5, () => new Door());
  let running = 0;
  const ended: string[] = [];
  fixture.receive(
    async ({ type }) => {
      running += 1;
      await doors[running - 1]?.opened;
      ended.push(type);
    },
    {
      concurrencyOf: (type) => {
        if (type === "bad") throw new Error("a mistake");
        return undefined;
      },
    },
  );
  await fixture.clock.settle();
  expect(running).toBe(3);

  for (const door of doors) {
    door.open();
    await fixture.clock.settle();
  }
  expect(ended).toEqual(["bad", "good", "good", "bad", "bad"]);
  expect(fixture.events.of("warning")).toMatchObject([{ code: "concurrency_of" }]);
  expect(await fixture.counts()).toEqual(EMPTY);
});

test("a released message keeps its first attempt if the queue does not count deliveries", async () => {
  const clock = new FakeClock();
  const fixture = new Fixture({ clock, driver: memory({ clock, uncounted: ["jobs"] }) });
  const pause = new PauseController();
  const attempts: number[] = [];
  fixture.receive(
    (_, { attempt, unknownSince }) => {
      attempts.push(attempt);
      return unknownSince === undefined ? { kind: "unknown_type", delayMs: SECOND } : undefined;
    },
    { pause, allowUncounted: true },
  );
  await fixture.clock.settle();
  for (let released = 0; released < 2; released += 1) {
    // The open poll still returns the message.
    pause.pause();
    if (released === 0) await fixture.send("mail");
    await fixture.clock.settle();
    pause.resume();
    await fixture.clock.settle();
  }
  await fixture.clock.advance(MINUTE);

  expect(attempts).toEqual([1, 1]);
  expect(fixture.events.of("dead_lettered")).toEqual([]);
  expect(await fixture.counts()).toEqual(EMPTY);
});

describe("the end of a handler", () => {
  test("is counted once if the then of its promise resolves twice", async () => {
    const fixture = new Fixture();
    await fixture.send("twice", "after");
    fixture.receive(
      ({ type }) => {
        const done = Promise.resolve();
        if (type === "after") return done;
        return Object.assign(done, {
          // oxlint-disable-next-line unicorn/no-thenable -- the test needs a then of its own
          then: (resolve: () => void) => {
            resolve();
            resolve();
          },
        });
      },
      { concurrency: 1 },
    );
    await fixture.clock.settle();

    expect(fixture.events.of("completed")).toHaveLength(2);
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  test("is a failure if the thrown value is a revoked proxy", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    fixture.receive((_, { attempt }) => {
      const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
      revoke();
      if (attempt === 1) throw proxy;
    });
    await fixture.clock.advance(MINUTE);

    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(await fixture.counts()).toEqual(EMPTY);
  });
});

describe("a paused receiver", () => {
  test("starts no job, not even one that waits for its type, until it is resumed", async () => {
    const fixture = new Fixture();
    const pause = new PauseController();
    await fixture.send("slow", "slow", "slow");
    const doors = times(3, () => new Door());
    let runs = 0;
    fixture.receive(
      () => {
        runs += 1;
        return doors[runs - 1]?.opened ?? Promise.resolve();
      },
      { pause, concurrencyOf: () => 1 },
    );
    await fixture.clock.settle();
    expect(runs).toBe(1);

    pause.pause();
    doors[0]?.open();
    await fixture.clock.advance(60 * SECOND);
    expect(runs).toBe(1);

    for (const door of doors) door.open();
    pause.resume();
    await fixture.clock.advance(60 * SECOND);
    expect(runs).toBe(3);
    expect(await fixture.counts()).toEqual(EMPTY);
    expect(fixture.events.of("started").map(({ job }) => job.attempt)).toEqual([1, 1, 1]);
  });
});
