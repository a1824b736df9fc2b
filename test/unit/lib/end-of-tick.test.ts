import { expect, test } from "vitest";
import { atEndOfTick } from "../../../src/lib/end-of-tick.ts";

test("what a tick puts off is done in one go, after its promise callbacks", async () => {
  const seen: string[] = [];
  atEndOfTick(() => {
    seen.push("first");
    void Promise.resolve().then(() => seen.push("what the first began"));
  });
  void Promise.resolve().then(() => atEndOfTick(() => seen.push("second")));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

  expect(seen).toEqual(["first", "second", "what the first began"]);
});

test("one that throws is heard of, and keeps none of the others from being done", async () => {
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
