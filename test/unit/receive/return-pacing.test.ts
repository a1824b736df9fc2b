import { expect, test } from "vitest";
import { ReturnPacing } from "../../../src/receive/return-pacing.ts";

const MIDDLE = (): number => 0.5;

test("messages return one after the other, at the pace of the runs", () => {
  const pacing = new ReturnPacing(MIDDLE);
  pacing.ended("slow", 1_000);

  expect([1, 2, 3].map(() => pacing.next("slow", 0, 2, 10))).toEqual([3_000, 3_500, 4_000]);
  // A later message returns after the earlier ones. Return times in the past do not count.
  pacing.ended("slow", 1_000);
  expect(pacing.next("slow", 3_900, 2, 0)).toBe(600);
  pacing.ended("slow", 1_000);
  expect(pacing.next("slow", 60_000, 2, 0)).toBe(500);
  expect(pacing.next("other", 0, 1, 0)).toBeLessThan(1_000);
});

test("a message returns after about 15 s at most, and returns at that limit are spread", () => {
  const pacing = new ReturnPacing(MIDDLE);
  pacing.ended("slow", 3_600_000);

  expect(pacing.next("slow", 0, 1, 10)).toBe(15_000);
  expect(pacing.next("stopped", 0, 0, 10)).toBe(15_000);
  expect(new ReturnPacing(() => 0).next("stopped", 0, 0, 10)).toBe(7_500);
});

test("the pace of 1,000 types is remembered, since senders choose the types", () => {
  const pacing = new ReturnPacing(MIDDLE);
  for (let index = 0; index < 5_000; index += 1) pacing.next(`type-${index}`, 0, 1, 0);
  expect(pacing.size).toBe(1_000);
});

test("messages behind a run that takes longer than those before return ever more slowly", () => {
  const pacing = new ReturnPacing(MIDDLE);
  pacing.ended("quick", 0);
  const returns: number[] = Array.from({ length: 10 }, () => 0);
  let requeues = 0;
  for (let now = 0; now < 3_000; now += 1) {
    for (const [index, at] of returns.entries()) {
      if (at > now) continue;
      returns[index] = now + pacing.next("quick", now, 1, 10);
      requeues += 1;
    }
  }
  expect(requeues).toBeLessThan(100);

  pacing.ended("quick", 3_000);
  expect(pacing.next("other", 3_000, 1, 0)).toBeLessThan(1_000);
});
