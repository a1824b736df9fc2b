import { expect, test, vi } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Awaited } from "../../../web/api/awaited.ts";

const never = new AbortController().signal;

test("a promise that is waited for a thousand times has one reaction", async () => {
  const clock = new FakeClock();
  let resolve: (value: string) => void = () => {};
  const promise = new Promise<string>((given) => {
    resolve = given;
  });
  const reactions = vi.spyOn(promise, "then");
  const awaited = new Awaited(promise);
  for (let n = 0; n < 1_000; n += 1) {
    const waiting = awaited.within(clock, 1_000, never);
    await clock.advance(1_000);
    expect(await waiting).toBeUndefined();
  }
  resolve("event");
  expect(await awaited.within(clock, 1_000, never)).toBe("event");
  expect(reactions).toHaveBeenCalledTimes(1);
});

test("waiting ends with the promise, with its error, and with the signal", async () => {
  const clock = new FakeClock();
  expect(await new Awaited(Promise.resolve(1)).within(clock, 1_000, never)).toBe(1);
  const failed = new Awaited(Promise.reject(new Error("no store")));
  await expect(failed.within(clock, 1_000, never)).rejects.toThrow("no store");
  const controller = new AbortController();
  const waiting = new Awaited(new Promise(() => {})).within(clock, 1_000, controller.signal);
  controller.abort();
  expect(await waiting).toBeUndefined();
  expect(await new Awaited(new Promise(() => {})).within(clock, 1_000, controller.signal)).toBeUndefined();
});
