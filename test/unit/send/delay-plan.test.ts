import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hopMs, planDelay } from "../../../src/send/delay-plan.ts";
import { HOUR, limits, traits } from "../support.ts";

describe("the first step", () => {
  test("what the provider can hold, it holds", () => {
    expect(planDelay(0, "jobs", false, traits, limits)).toEqual({ via: "native", delayMs: 0 });
    expect(planDelay(900_000, "jobs", false, traits, limits)).toEqual({ via: "native", delayMs: 900_000 });
  });

  test("what it cannot waits in the parking queue, whose first hop is what the provider can hold", () => {
    expect(planDelay(900_001, "jobs", false, traits, limits)).toEqual({
      via: "delay_queue",
      delayMs: 900_000,
    });
  });

  test("an ordered queue that holds no delay has a parking queue that holds none", () => {
    const ordered = { ...traits, ordering: "by_key" as const, nativeDelayMs: 0 };
    expect(planDelay(5_000, "jobs", false, ordered, limits)).toEqual({ via: "delay_queue", delayMs: 0 });
  });

  test("what cannot be parked is refused, and what keeps its order too", () => {
    const refused = expect.objectContaining({ code: "not_supported", queue: "jobs" }) as Error;

    expect(() => planDelay(900_001, "jobs", false, traits, { ...limits, maxHopMs: 0 })).toThrow(refused);
    expect(() => planDelay(1, "jobs", true, traits, limits)).toThrow(refused);
    expect(planDelay(0, "jobs", true, traits, limits)).toEqual({ via: "native", delayMs: 0 });
  });

  test("a delay is never shortened", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 * 24 * HOUR }),
        fc.integer({ min: 0, max: HOUR }),
        (delayMs, nativeDelayMs) => {
          const plan = planDelay(delayMs, "jobs", false, { ...traits, nativeDelayMs }, limits);
          expect(plan.delayMs).toBe(plan.via === "native" ? delayMs : nativeDelayMs);
        },
      ),
    );
  });
});

describe("hops", () => {
  const chances = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 20,
  });

  test("end at the due time or a second after, never before, and are few", () => {
    const delays = fc.integer({ min: 0, max: 90 * 24 * HOUR });
    fc.assert(
      fc.property(delays, fc.integer({ min: HOUR, max: 12 * HOUR }), chances, (delayMs, maxHopMs, random) => {
        const hops: number[] = [];
        for (let left = delayMs; left > 0; left -= hops.at(-1) as number) {
          hops.push(hopMs(left, maxHopMs, random[hops.length % random.length] as number));
        }
        expect(hops.filter((hop) => !Number.isInteger(hop) || hop <= 0 || hop > maxHopMs)).toEqual([]);
        const lateMs = hops.reduce((sum, hop) => sum + hop, 0) - delayMs;
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThanOrEqual(1_000);
        expect(hops.length).toBeLessThanOrEqual(Math.ceil(delayMs / (maxHopMs * 0.9 - 1)) + 1);
      }),
    );
  });

  test("72 hours on a provider that hides a message for 12 take seven", () => {
    for (const random of [0, 0.3, 0.999]) {
      let hops = 0;
      for (let left = 72 * HOUR - 900_000; left > 0; hops += 1)
        left -= hopMs(left, 12 * HOUR - 60_000, random);
      expect(hops).toBeLessThanOrEqual(7);
    }
  });
});
