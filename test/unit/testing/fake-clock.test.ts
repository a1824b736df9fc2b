import { describe, expect, test } from "vitest";
import { sleep } from "../../../src/lib/clock.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { loadReceive } from "../../../src/client/lazy-receive.ts";

describe("the time of a fake clock", () => {
  test("stands still until the clock is advanced", async () => {
    const clock = new FakeClock();
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1));

    await clock.settle();
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1));

    await clock.advance(1_500);
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1) + 1_500);
  });

  test("starts at the given time", async () => {
    expect(new FakeClock({ start: 5 }).now()).toBe(5);

    const clock = new FakeClock({ start: new Date("2030-06-01T00:00:00Z") });
    await clock.advanceTo(new Date("2030-06-01T00:00:01Z"));
    expect(clock.now()).toBe(Date.parse("2030-06-01T00:00:01Z"));
    expect(() => new FakeClock({ start: new Date("never") })).toThrow(RangeError);
  });

  test("does not move backwards", async () => {
    const clock = new FakeClock({ start: 100 });

    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    await expect(clock.advanceTo(99)).rejects.toThrow(RangeError);
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError);
  });
});

describe("the timers of a fake clock", () => {
  test("fire together if they are due together, even if one of them throws", async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.timer(10, () => void fired.push("first"));
    clock.timer(10, () => {
      throw new Error("a mistake");
    });
    clock.timer(10, () => void fired.push("third"));
    await expect(clock.advance(10)).rejects.toThrow("a mistake");

    await clock.advance(0);
    expect(fired).toEqual(["first", "third"]);
    expect(clock.pending).toBe(0);
  });

  test("fire immediately if their delay is NaN, and the others keep their order", async () => {
    const clock = new FakeClock({ start: 0 });
    const fired: number[] = [];
    for (const ms of [30, Number.NaN, 10, 20]) clock.timer(ms, () => void fired.push(clock.now()));
    await clock.advance(30);

    expect(fired).toEqual([0, 10, 20, 30]);
  });

  test("fire at their own time, in order of time, and in order of creation within one moment", async () => {
    const clock = new FakeClock({ start: 0 });
    const fired: [string, number][] = [];
    for (const [name, ms] of [
      ["c", 30],
      ["a", 10],
      ["b", 10],
      ["d", 31],
    ] as const) {
      clock.timer(ms, () => fired.push([name, clock.now()]));
    }

    await clock.advance(30);

    expect(fired).toEqual([
      ["a", 10],
      ["b", 10],
      ["c", 30],
    ]);
    expect(clock.pending).toBe(1);
  });

  test("fire on the next advance if their time is now or past", async () => {
    const clock = new FakeClock();
    let fired = 0;
    clock.timer(0, () => (fired += 1));
    clock.timer(-5, () => (fired += 1));
    expect(fired).toBe(0);

    await clock.advance(0);
    expect(fired).toBe(2);
  });

  test("fire during an advance if they are created during it", async () => {
    const clock = new FakeClock({ start: 0 });
    const woke: number[] = [];
    const loop = (async () => {
      for (let step = 0; step < 4; step += 1) {
        await sleep(clock, 25);
        woke.push(clock.now());
      }
    })();
    await clock.advance(100);
    await loop;

    expect(woke).toEqual([25, 50, 75, 100]);
  });

  test("let promises settle before a timer that they create for the same moment fires", async () => {
    const clock = new FakeClock({ start: 0 });
    const order: string[] = [];
    clock.timer(1, () => {
      order.push("first");
      clock.timer(0, () => order.push("third"));
      void Promise.resolve().then(() => order.push("second"));
    });
    await clock.advance(1);

    expect(order).toEqual(["first", "second", "third"]);
  });

  test("do not fire after they were cancelled, even by a timer of the same moment", async () => {
    const clock = new FakeClock();
    let fired = 0;
    const first = clock.timer(10, () => second.cancel());
    const second = clock.timer(10, () => (fired += 1));
    const third = clock.timer(5, () => (fired += 1));
    third.cancel();
    third.cancel();
    expect(clock.pending).toBe(2);

    await clock.advance(20);
    first.cancel();
    expect(fired).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("keep their order if thousands are created and many are cancelled", async () => {
    const clock = new FakeClock({ start: 0 });
    const fired: number[] = [];
    const expected: number[] = [];
    for (let index = 0; index < 2_000; index += 1) {
      const ms = (index * 7_919) % 1_009;
      const timer = clock.timer(ms, () => fired.push(ms));
      if (index % 3 === 0) expected.push(ms);
      else timer.cancel();
    }
    expect(clock.pending).toBe(expected.length);

    await clock.advance(2_000);
    expect(fired).toEqual(expected.toSorted((one, other) => one - other));
  });

  test("are reported by their number and by the time of the next one", async () => {
    const clock = new FakeClock({ start: 0 });
    expect(clock.nextTimerAt).toBeUndefined();

    const soon = clock.timer(5, () => {});
    clock.timer(9, () => {}, true);
    expect(clock.nextTimerAt).toBe(5);

    soon.cancel();
    expect(clock.nextTimerAt).toBe(9);
    expect(clock.pending).toBe(1);
  });
});

describe("advanceToNext", () => {
  test("moves to the next timer, and returns false if there is none", async () => {
    const clock = new FakeClock({ start: 0 });
    let fired = 0;
    clock.timer(3_600_000, () => (fired += 1));
    clock.timer(Number.POSITIVE_INFINITY, () => (fired += 1));

    expect(await clock.advanceToNext()).toBe(true);
    expect([clock.now(), fired]).toEqual([3_600_000, 1]);
    expect(await clock.advanceToNext()).toBe(false);
    expect([clock.now(), fired]).toEqual([3_600_000, 1]);
  });

  test("waits for a timer that pending work has yet to create", async () => {
    const clock = new FakeClock({ start: 0 });
    setImmediate(() => clock.timer(7, () => {}));

    expect(await clock.advanceToNext()).toBe(true);
    expect(clock.now()).toBe(7);
  });
});

describe("until", () => {
  test("moves the clock until a promise is settled, and no further", async () => {
    const clock = new FakeClock({ start: 0 });
    const days = async (): Promise<string> => {
      for (let day = 0; day < 3; day += 1) await sleep(clock, 86_400_000);
      return "done";
    };
    clock.timer(10 * 86_400_000, () => {});

    expect(await clock.until(days())).toBe("done");
    expect(clock.now()).toBe(3 * 86_400_000);
    expect(await clock.until(Promise.resolve(5))).toBe(5);
  });

  test("rejects as the promise does, even if that takes real time", async () => {
    const clock = new FakeClock();
    const failing = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("no")), 5));

    await expect(clock.until(failing)).rejects.toThrow("no");
  });

  test("rejects if the promise is not settled in time", async () => {
    const clock = new FakeClock();
    const again = (): void => void clock.timer(1_000, again);
    again();

    await expect(clock.until(new Promise(() => {}), { maxMs: 60_000 })).rejects.toThrow("60000 ms");
  });
});

describe("settle", () => {
  test("lets promise callbacks and immediates run, however many follow each other", async () => {
    const clock = new FakeClock();
    let calls = 0;
    const next = (): void => {
      calls += 1;
      if (calls < 50) setImmediate(() => void Promise.resolve().then(() => queueMicrotask(next)));
    };
    next();
    await clock.settle();

    expect(calls).toBe(50);
  });

  test("resolves even if immediates never end", async () => {
    const clock = new FakeClock();
    let isRunning = true;
    const forever = (): void => {
      if (isRunning) setImmediate(forever);
    };
    forever();

    await expect(clock.settle()).resolves.toBeUndefined();

    isRunning = false;
  });
});

test("a fake clock preloads the parts that receive, since loading them takes real time", async () => {
  let called = false;
  const working = loadReceive(async () => {
    called = true;
  });

  expect(called).toBe(true);
  await working;
});
