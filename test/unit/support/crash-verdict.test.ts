import { expect, it } from "vitest";
import type { Entry } from "../../crash/run-log.ts";
import { judge } from "../../crash/verdict.ts";

const began = (id: string, attempt: number): Entry => ({ kind: "began", id, attempt });
const completed = (id: string, attempt: number): Entry => ({ kind: "completed", id, attempt });
const killed = (...replacing: string[]): Entry => ({ kind: "killed", point: "mid_handler", replacing });

it("counts a job that is completed, one that is dead-lettered, and one that is lost", () => {
  const verdict = judge(["a", "b", "c"], [began("a", 1), completed("a", 1), began("b", 1), killed()], ["b"]);
  expect(verdict).toMatchObject({ jobs: 3, runs: 2, completed: 1, deadLettered: 1, duplicates: 0 });
  expect(verdict.kills.mid_handler).toBe(1);
  expect(verdict.lost).toEqual(["c"]);
});

it("counts every end beyond the first as a duplicate", () => {
  const twice = [began("a", 1), completed("a", 1), began("a", 2), completed("a", 2)];
  expect(judge(["a"], twice, ["a"])).toMatchObject({
    completed: 1,
    deadLettered: 1,
    duplicates: 2,
    lost: [],
  });
});

it("notices an attempt below the real runs", () => {
  expect(judge(["a"], [began("a", 1), began("a", 1)], ["a"]).undercounted).toEqual(["a: 1, 1"]);
  expect(judge(["a"], [began("a", 1), began("a", 3)], ["a"]).undercounted).toEqual([]);
});

it("counts the runs of a message and of the copy that a kill left beside it apart", () => {
  const forked = [began("a", 1), killed("a"), began("a", 2), began("a", 2)];
  expect(judge(["a"], forked, ["a"]).undercounted).toEqual([]);
  expect(judge(["a"], [...forked, began("a", 2)], ["a"]).undercounted).toEqual([]);
  expect(judge(["a"], [...forked, began("a", 2), began("a", 2)], ["a"]).undercounted).toHaveLength(1);
});

it("refuses a job that nobody sent", () => {
  expect(() => judge([], [began("ghost", 1)], [])).toThrow("ghost");
});
