import { expect, test } from "vitest";
import { duration, durationMs, lockedUntil } from "../../../adapters/service-bus/time.ts";

test("reads and writes durations", () => {
  expect(durationMs("PT30S")).toBe(30_000);
  expect(durationMs("PT1M")).toBe(60_000);
  expect(durationMs("P1DT2H3M4.5S")).toBe(93_784_500);
  expect(durationMs(duration(45_000))).toBe(45_000);
  expect(() => durationMs("soon")).toThrow(/no|not/);
});

test("a lock ends as long after it was taken as the queue says, whatever the service's clock", () => {
  const known = { ms: 30_000, isKnown: true };
  expect(lockedUntil(1_000_000, known, new Date(5_000_000))).toBe(1_030_000);
});

test("where the queue has not said, the shorter of a guess and what the service says counts", () => {
  const guessed = { ms: 30_000, isKnown: false };
  expect(lockedUntil(1_000_000, guessed, new Date(1_010_000))).toBe(1_010_000);
  expect(lockedUntil(1_000_000, guessed, new Date(1_300_000))).toBe(1_030_000);
  // A clock that is ahead of the service's would take every lock for lost.
  expect(lockedUntil(1_000_000, guessed, new Date(990_000))).toBe(1_030_000);
});
