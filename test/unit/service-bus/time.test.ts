import { expect, test } from "vitest";
import { duration, durationMs, lockedUntil } from "../../../adapters/service-bus/time.ts";

test("ISO 8601 durations are read and written, and other texts are refused", () => {
  expect(durationMs("PT30S")).toBe(30_000);
  expect(durationMs("PT1M")).toBe(60_000);
  expect(durationMs("P1DT2H3M4.5S")).toBe(93_784_500);
  expect(durationMs(duration(45_000))).toBe(45_000);
  expect(() => durationMs("soon")).toThrow(/is not a duration/);
});

test("a lock with a known duration ends that long after it was taken, regardless of the time that the service states", () => {
  const known = { ms: 30_000, isKnown: true };
  expect(lockedUntil(1_000_000, known, new Date(5_000_000))).toBe(1_030_000);
});

test("a lock with an assumed duration ends at the assumed time or the stated time, whichever is earlier", () => {
  const assumed = { ms: 30_000, isKnown: false };
  expect(lockedUntil(1_000_000, assumed, new Date(1_010_000))).toBe(1_010_000);
  expect(lockedUntil(1_000_000, assumed, new Date(1_300_000))).toBe(1_030_000);
  // A stated time in the past means that the local clock is ahead. It is ignored, or every lock would seem lost.
  expect(lockedUntil(1_000_000, assumed, new Date(990_000))).toBe(1_030_000);
});
