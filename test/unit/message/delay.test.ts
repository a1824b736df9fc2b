import { expect, test } from "vitest";
import { type Delay, delayMs } from "../../../src/message/delay.ts";

const NOW = Date.UTC(2026, 0, 1);

test.each<[Delay, number]>([
  [0, 0],
  [1_500, 1_500],
  [0.2, 1],
  [{ days: 3 }, 259_200_000],
  [{ hours: 1, minutes: 1, seconds: 1, milliseconds: 1 }, 3_661_001],
  [{ minutes: 0.5 }, 30_000],
  [{ days: 0 }, 0],
  [{ at: new Date(NOW + 7) }, 7],
  [{ at: new Date(NOW - 7) }, 0],
])("a delay of %j is %d ms", (delay, ms) => {
  expect(delayMs(delay, NOW)).toBe(ms);
});

test.each<[string, unknown]>([
  ["a negative number", -1],
  ["NaN", Number.NaN],
  ["infinity", Number.POSITIVE_INFINITY],
  ["a negative part", { days: -1 }],
  ["an infinite part", { hours: 1 / 0 }],
  ["an unknown part", { weeks: 1 }],
  ["a part of another object", { toString: 1 }],
  ["a string without a number", "soon"],
  ["null", null],
  ["an object without parts", {}],
  ["a part that is undefined", { days: undefined }],
  ["a date outside of { at }", new Date(NOW + 7)],
  ["an invalid date", { at: new Date("never") }],
  ["a date that is a number", { at: 5 }],
  ["a due time beyond the latest date", { days: 1e9 }],
])("delayMs refuses %s", (_, delay) => {
  expect(() => delayMs(delay as Delay, NOW)).toThrow(expect.objectContaining({ code: "invalid_delay" }));
});

test.each([
  ["a big integer as a part", { hours: 1n }, "{ hours: 1n }"],
  ["an infinite part", { days: Number.POSITIVE_INFINITY }, "{ days: Infinity }"],
])("the error for %s shows the value", (_, delay, shown) => {
  expect(() => delayMs(delay as never, NOW)).toThrow(
    expect.objectContaining({ code: "invalid_delay", message: expect.stringContaining(shown) as string }),
  );
});
