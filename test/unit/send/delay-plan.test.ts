import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hopMs, planDelay } from "../../../src/send/delay-plan.ts";
import { HOUR, limits, traits } from "../support.ts";

describe("a delayed message", () => {
  test("is delayed by the provider up to the limit of the provider", () => {
    expect(planDelay(0, "jobs", false, traits, limits)).toEqual({ via: "native", delayMs: 0 });
    expect(planDelay(900_000, "jobs", false, traits, limits)).toEqual({ via: "native", delayMs: 900_000 });
  });

  test("waits in the delay queue beyond that limit, and its first hop is the limit", () => {
    expect(planDelay(900_001, "jobs", false, traits, limits)).toEqual({
      via: "delay_queue",
      delayMs: 900_000,
    });
  });

  test("has a first hop of 0 ms if its ordered queue supports no delay", () => {
    const ordered = { ...traits, ordering: "by_key" as const, nativeDelayMs: 0 };
    expect(planDelay(5_000, "jobs", false, ordered, limits)).toEqual({ via: "delay_queue", delayMs: 0 });
  });

  test("is refused if there is no delay queue, or if it has to keep its order", () => {
    const refused = expect.objectContaining({ code: "not_supported", queue: "jobs" }) as Error;

    expect(() => planDelay(900_001, "jobs", false, traits, { ...limits, maxHopMs: 0 })).toThrow(refused);
    expect(() => planDelay(1, "jobs", true, traits, limits)).toThrow(refused);
    expect(planDelay(0, "jobs", true, traits, limits)).toEqual({ via: "native", delayMs: 0 });
  });

  test("is never planned for less than its delay", () => {
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

describe("the hops of a delay", () => {
  const randoms = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 20,
  });

  test("end within a second after the due time, never before it, and their number is bounded", () => {
    const delays = fc.integer({ min: 0, max: 90 * 24 * HOUR });
    fc.assert(
      fc.property(delays, fc.integer({ min: HOUR, max: 12 * HOUR }), randoms, (delayMs, maxHopMs, random) => {
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

  test("are seven at most for 72 hours if a message can be hidden for 12 hours", () => {
    for (const random of [0, 0.3, 0.999]) {
      let hops = 0;
      for (let left = 72 * HOUR - 900_000; left > 0; hops += 1)
        left -= hopMs(left, 12 * HOUR - 60_000, random);

      expect(hops).toBeLessThanOrEqual(7);
    }
  });
});
