import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Backoff,
  backoffDelayMs,
  checkBackoff,
  defaultBackoff,
  mergeBackoff,
} from "../../src/backoff.ts";

const anyBackoff: fc.Arbitrary<Backoff> = fc.record({
  baseMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  capMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
  jitter: fc.boolean(),
});

test("the default backoff doubles from one second up to five minutes", () => {
  const steady = { ...defaultBackoff, jitter: false };
  const delays = [1, 2, 3, 9, 10, 50].map((attempt) => backoffDelayMs(steady, attempt, () => 0));

  expect(delays).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
});

test("full jitter spreads a delay from 0 up to its ceiling", () => {
  const at = (random: number): number => backoffDelayMs(defaultBackoff, 3, () => random);

  expect(at(0)).toBe(0);
  expect(at(0.5)).toBe(2_000);
  expect(at(1 - Number.EPSILON)).toBe(4_000);
});

test("a delay is a whole number from 0 to its ceiling for any settings, attempt and random number", () => {
  const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(anyBackoff, fc.integer({ min: 1, max: 100_000 }), anyRandom, (backoff, attempt, random) => {
      const delay = backoffDelayMs(backoff, attempt, () => random);
      const ceiling = backoff.baseMs === 0 ? 0 : backoff.baseMs * backoff.factor ** (attempt - 1);

      expect(Number.isInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(Math.min(backoff.capMs, ceiling));
    }),
  );
});

test("a base of 0 gives a delay of 0 for any attempt", () => {
  expect(backoffDelayMs({ ...defaultBackoff, baseMs: 0 }, 5_000, () => 0.9)).toBe(0);
});

test("the most specific setting takes precedence, part by part", () => {
  const merged = mergeBackoff(defaultBackoff, { baseMs: 10, capMs: 50 }, undefined, { capMs: 20 });
  expect(merged).toEqual({ baseMs: 10, factor: 2, capMs: 20, jitter: true });
});

test("a part that is undefined is treated as missing", () => {
  const loose = { baseMs: undefined, jitter: undefined } as unknown as Partial<Backoff>;
  expect(mergeBackoff(defaultBackoff, loose)).toEqual(defaultBackoff);
});

test.each([
  [{ baseMs: -1 }, "baseMs"],
  [{ baseMs: Number.POSITIVE_INFINITY }, "baseMs"],
  [{ factor: 0.5 }, "factor"],
  [{ factor: Number.NaN }, "factor"],
  [{ capMs: -1 }, "capMs"],
  [{ capMs: Number.POSITIVE_INFINITY }, "capMs"],
])("checkBackoff refuses %j", (backoff, field) => {
  expect(() => checkBackoff(backoff, "here")).toThrow(
    expect.objectContaining({
      code: "invalid_options",
      message: expect.stringContaining(`here: backoff.${field}`) as string,
    }),
  );
});
