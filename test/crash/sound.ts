import { expect } from "vitest";
import { crashPoints } from "./points.ts";
import type { Verdict } from "./verdict.ts";

/**
 * Nothing is lost or undercounted, every point was killed at, and each death has duplicated what was in hand at most.
 * To a worker, a server that dies is a death too: `more` of them.
 */
export function expectSound(verdict: Verdict, concurrency: number, more = 0): void {
  expect(verdict.lost).toEqual([]);
  expect(verdict.undercounted).toEqual([]);
  expect(verdict.completed).toBeGreaterThan(0);
  expect(verdict.deadLettered).toBeGreaterThan(0);
  expect(verdict.completed + verdict.deadLettered).toBeGreaterThanOrEqual(verdict.jobs);
  expect(crashPoints.filter((point) => verdict.kills[point] === 0)).toEqual([]);
  const kills = Object.values(verdict.kills).reduce((sum, count) => sum + count, 0);
  expect(verdict.duplicates).toBeLessThanOrEqual((kills + more) * concurrency);
}
