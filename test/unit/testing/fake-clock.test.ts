import { describe, expect, test } from "vitest";
import { sleep } from "../../../src/lib/clock.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { loadReceive } from "../../../src/client/lazy-receive.ts";

describe("time", () => {
  test("stands still until it is moved", async () => {
    const clock = new FakeClock();
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1));

    await clock.settle();
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1));

    await clock.advance(1_500);
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1) + 1_500);
  });

  test("starts where it is told to", async () => {
    expect(new FakeClock({ start: 5 }).now()).toBe(5);

    const clock = new FakeClock({ start: new Date("2030-06-01T00:00:00Z") });
    await clock.advanceTo(new Date("2030-06-01T00:00:01Z"));
    expect(clock.now()).toBe(Date.parse("2030-06-01T00:00:01Z"));
    expect(() => new FakeClock({ start: new Date("never") })).toThrow(RangeError);
  });

  test("does not go back", async () => {
    const clock = new FakeClock({ start: 100 });

    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    await expect(clock.advanceTo(99)).rejects.toThrow(RangeError);
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError);
  });
});

describe("timers", () => {
  test("that are due together all fire, also where one of them throws", async () => {
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

  test("of no number are at once, and leave the others in their order", async () => {
    const clock = new FakeClock({ start: 0 });
    const fired: number[] = [];
    for (const ms of [30, Number.NaN, 10, 20]) clock.timer(ms, () => void fired.push(clock.now()));
    await clock.advance(30);

    expect(fired).toEqual([0, 10, 20, 30]);
  });

  test("fire in order of their time, and of their setting within one moment, at their own time", async () => {
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

  test("fire at once where their time is now or past, but only when time is moved", async () => {
    const clock = new FakeClock();
    let fired = 0;
    clock.timer(0, () => (fired += 1));
    clock.timer(-5, () => (fired += 1));
    expect(fired).toBe(0);

    await clock.advance(0);
    expect(fired).toBe(2);
  });

  test("that were set on the way fire on the way", async () => {
    const clock = new FakeClock({ start: 0 });
    const woke: number[] = [];
    const loop = (async () => {
      for (let turn = 0; turn < 4; turn += 1) {
        await sleep(clock, 25);
        woke.push(clock.now());
      }
    })();
    await clock.advance(100);
    await loop;

    expect(woke).toEqual([25, 50, 75, 100]);
  });

  test("that set another for the same moment let the work settle in between", async () => {
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

  test("that were cancelled do not fire, even by one of the same moment", async () => {
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

  test("by the thousand keep their order, cancelled ones or not", async () => {
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

  test("are told of: the next one's time, and how many", async () => {
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
  test("moves to the next timer, and says where there is none", async () => {
    const clock = new FakeClock({ start: 0 });
    let fired = 0;
    clock.timer(3_600_000, () => (fired += 1));
    clock.timer(Number.POSITIVE_INFINITY, () => (fired += 1));

    expect(await clock.advanceToNext()).toBe(true);
    expect([clock.now(), fired]).toEqual([3_600_000, 1]);
    expect(await clock.advanceToNext()).toBe(false);
    expect([clock.now(), fired]).toEqual([3_600_000, 1]);
  });

  test("sees a timer that work which is under way is yet to set", async () => {
    const clock = new FakeClock({ start: 0 });
    setImmediate(() => clock.timer(7, () => {}));

    expect(await clock.advanceToNext()).toBe(true);
    expect(clock.now()).toBe(7);
  });
});

describe("until", () => {
  test("moves until a promise is settled, and no further", async () => {
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

  test("rejects as the promise does, also where that needs real time", async () => {
    const clock = new FakeClock();
    const failing = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("no")), 5));

    await expect(clock.until(failing)).rejects.toThrow("no");
  });

  test("gives up what is not settled in time", async () => {
    const clock = new FakeClock();
    const again = (): void => void clock.timer(1_000, again);
    again();

    await expect(clock.until(new Promise(() => {}), { maxMs: 60_000 })).rejects.toThrow("60000 ms");
  });
});

describe("settle", () => {
  test("lets promise callbacks and immediates run, however often they hop", async () => {
    const clock = new FakeClock();
    let hops = 0;
    const hop = (): void => {
      hops += 1;
      if (hops < 50) setImmediate(() => void Promise.resolve().then(() => queueMicrotask(hop)));
    };
    hop();
    await clock.settle();

    expect(hops).toBe(50);
  });

  test("ends where immediates never do", async () => {
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

test("what receives is there at once: to load it takes real time, which does not pass here", async () => {
  let called = false;
  const working = loadReceive(async () => {
    called = true;
  });

  expect(called).toBe(true);

  await working;
});
