import { expect, test } from "vitest";
import { provideConsuming, withConsuming } from "../../src/load-consuming.ts";

// Without a clock that is turned by hand, which would have provided it.
test("what takes messages out is loaded by the first call, and there at once from then on", async () => {
  let called = 0;
  const call = (): Promise<number> =>
    withConsuming(async ({ receiveQueue }) => (called += receiveQueue.length));
  const first = call();
  expect(called).toBe(0);
  expect(await first).toBe(1);
  const second = call();
  expect(called).toBe(2);
  expect(await second).toBe(2);
});

test("what is provided is not loaded", async () => {
  const provided = await withConsuming((consuming) => Promise.resolve({ ...consuming }));
  provideConsuming(provided);
  expect(await withConsuming((consuming) => Promise.resolve(consuming === provided))).toBe(true);
});
