import { expect, test } from "vitest";
import { allEnded } from "../../../src/lib/wait.ts";

test("a wait for all to end rejects with the first error of the list, after the last one has ended", async () => {
  const slow = Promise.withResolvers<void>();
  let ended = false;
  const all = allEnded([
    slow.promise.then(() => (ended = true)),
    slow.promise.then(() => Promise.reject(new Error("first"))),
    Promise.reject(new Error("second")),
  ]);
  const outcome = all.catch((error: Error) => `${error.message}, ended: ${ended}`);
  await new Promise((resolve) => setImmediate(resolve));
  slow.resolve();
  expect(await outcome).toBe("first, ended: true");
  await allEnded([]);
});
