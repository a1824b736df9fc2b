import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Meter } from "../../../bench/contenders/measure.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Counts `count` messages, one every `ms` milliseconds. */
async function countEvery(meter: Meter, ms: number, count: number): Promise<void> {
  for (let counted = 0; counted < count; counted += 1) {
    await vi.advanceTimersByTimeAsync(ms);
    meter.count();
  }
}

test("a measurement by count leaves out the warm-up and ends with the last message", async () => {
  const meter = new Meter({ warmUp: 10, messages: 20 });
  await countEvery(meter, 100, 10);
  await countEvery(meter, 5, 20);
  expect(await meter.done).toMatchObject({ rate: 200, messages: 30 });
});

test("a measurement by time begins with the first message and ignores the number of messages", async () => {
  const meter = new Meter({ warmUpMs: 1_000, ms: 2_000 });
  await vi.advanceTimersByTimeAsync(5_000);
  await countEvery(meter, 10, 400);
  expect((await meter.done).rate).toBeCloseTo(100, 0);
});
