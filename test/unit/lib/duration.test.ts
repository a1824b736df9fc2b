import { describe, expect, test } from "vitest";
import { type Duration, durationMs } from "../../../src/lib/duration.ts";

describe("durationMs", () => {
  test.each<[Duration, number]>([
    [1_500, 1_500],
    [0, 0],
    [{ minutes: 1, seconds: 30 }, 90_000],
    [{ days: 3, hours: undefined }, 259_200_000],
    [{ milliseconds: 0 }, 0],
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1.5h", 5_400_000],
    ["3d", 259_200_000],
    ["3 days", 259_200_000],
    ["1 day", 86_400_000],
    ["10 minutes", 600_000],
    ["1 second", 1_000],
  ])("reads %j as %i milliseconds", (duration, ms) => {
    expect(durationMs(duration)).toBe(ms);
  });

  test.each([
    "",
    "5",
    "m",
    "-5m",
    "5 m ",
    "5 weeks",
    "5M",
    "1h30m",
    "toString",
    "5constructor",
    {},
    { hours: undefined },
    { hours: -1 },
    { hours: "1" },
    { weeks: 1 },
    new Date(0),
    null,
    undefined,
    true,
    [],
  ])("returns NaN for %j", (value) => {
    expect(durationMs(value as never)).toBeNaN();
  });
});
