import { expect, test } from "vitest";
import { preloadReceive, loadReceive } from "../../../src/client/lazy-receive.ts";

// No fake clock here: importing one preloads the parts.
test("the parts that receive are loaded by the first call, and later calls get them synchronously", async () => {
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

test("loadReceive uses the parts that preloadReceive was given", async () => {
  const provided = await loadReceive((parts) => Promise.resolve({ ...parts }));
  preloadReceive(provided);

  expect(await loadReceive((parts) => Promise.resolve(parts === provided))).toBe(true);
});
