import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Meter } from "../../../bench/sides/side.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Counts a message every `ms`, `count` of them. */
async function countEvery(meter: Meter, ms: number, count: number): Promise<void> {
  for (let counted = 0; counted < count; counted += 1) {
    await vi.advanceTimersByTimeAsync(ms);
    meter.count();
  }
}

test("a count leaves out its warm-up, and ends with its last message", async () => {
  const meter = new Meter({ warmUp: 10, messages: 20 });
  await countEvery(meter, 100, 10);
  await countEvery(meter, 5, 20);
  expect(await meter.done).toMatchObject({ rate: 200, messages: 30 });
});

test("a span begins with the first message, and is not begun again by how many come", async () => {
  const meter = new Meter({ warmUpMs: 1_000, ms: 2_000 });
  await vi.advanceTimersByTimeAsync(5_000);
  await countEvery(meter, 10, 400);
  expect((await meter.done).rate).toBeCloseTo(100, 0);
});
