import { expect, test } from "vitest";
import { ReturnPacing } from "../../../src/receive/return-pacing.ts";

const MIDDLE = (): number => 0.5;

test("messages come back one after the other, at the pace of the runs", () => {
  const turns = new ReturnPacing(MIDDLE);
  turns.ended("slow", 1_000);

  expect([1, 2, 3].map(() => turns.next("slow", 0, 2, 10))).toEqual([3_000, 3_500, 4_000]);
  // Those before it have their turn first, and what is over is over.
  expect(turns.next("slow", 3_900, 2, 0)).toBe(600);
  expect(turns.next("slow", 60_000, 2, 0)).toBe(500);
  expect(turns.next("other", 0, 1, 0)).toBeLessThan(1_000);
});

test("nobody stays away for long, and those who would are spread", () => {
  const turns = new ReturnPacing(MIDDLE);
  turns.ended("slow", 3_600_000);

  expect(turns.next("slow", 0, 1, 10)).toBe(15_000);
  expect(turns.next("stopped", 0, 0, 10)).toBe(15_000);
  expect(new ReturnPacing(() => 0).next("stopped", 0, 0, 10)).toBe(7_500);
});
