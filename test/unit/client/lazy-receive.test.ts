import { expect, test } from "vitest";
import { preloadReceive, loadReceive } from "../../../src/client/lazy-receive.ts";

// Without a clock that is turned by hand, which would have provided it.
test("what takes messages out is loaded by the first call, and there at once from then on", async () => {
  let called = 0;
  const call = (): Promise<number> =>
    loadReceive(async ({ receiveQueue }) => (called += receiveQueue.length));
  const first = call();
  expect(called).toBe(0);
  expect(await first).toBe(1);

  const second = call();
  expect(called).toBe(2);
  expect(await second).toBe(2);
});

test("what is provided is not loaded", async () => {
  const provided = await loadReceive((consuming) => Promise.resolve({ ...consuming }));
  preloadReceive(provided);

  expect(await loadReceive((consuming) => Promise.resolve(consuming === provided))).toBe(true);
});
