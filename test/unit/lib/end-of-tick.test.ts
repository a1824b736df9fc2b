import { expect, test } from "vitest";
import { atEndOfTick } from "../../../src/lib/end-of-tick.ts";

test("callbacks run together at the end of the tick, after its promise callbacks", async () => {
  const seen: string[] = [];
  atEndOfTick(() => {
    seen.push("first");
    void Promise.resolve().then(() => seen.push("promise of the first"));
  });
  void Promise.resolve().then(() => atEndOfTick(() => seen.push("second")));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

  expect(seen).toEqual(["first", "second", "promise of the first"]);
});

test("a callback that throws is reported as an uncaught exception, and the others still run", async () => {
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const thrown = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
  const seen: string[] = [];
  atEndOfTick(() => {
    throw new Error("no");
  });
  atEndOfTick(() => seen.push("another"));

  const error = await thrown;
  for (const listener of listeners) process.on("uncaughtException", listener);

  expect(error.message).toBe("no");
  expect(seen).toEqual(["another"]);
});
