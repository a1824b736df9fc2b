import { setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { TickClock } from "../../../src/lib/tick-clock.ts";
import { FakeClock } from "../../../src/testing/index.ts";

test("the monotonic clock is read once for all sends of a millisecond", () => {
  const clock = new FakeClock();
  const monotonic = vi.spyOn(clock, "monotonic");
  const ticks = new TickClock(clock);

  expect([1, 1, 1, 2].map((now) => ticks.monotonic(now))).toEqual([1_000, 1_000, 1_000, 1_000]);

  expect(monotonic).toHaveBeenCalledTimes(2);
});

test("the monotonic clock is read again in the next tick, also if the time of day was set back to that of the last one", async () => {
  const clock = new FakeClock();
  const ticks = new TickClock(clock);
  const start = clock.now();
  expect(ticks.monotonic(start)).toBe(1_000);

  await setImmediate();
  await clock.advance(5_000);
  clock.setTime(start);

  expect(ticks.monotonic(clock.now())).toBe(6_000);
});
