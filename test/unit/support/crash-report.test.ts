import { expect, it } from "vitest";
import { crashReport } from "../../crash/crash-report.ts";
import type { RunEvent } from "../../crash/run-log.ts";

const began = (id: string, attempt: number): RunEvent => ({ kind: "began", id, attempt });
const completed = (id: string, attempt: number): RunEvent => ({ kind: "completed", id, attempt });
const killed = (...replacing: string[]): RunEvent => ({ kind: "killed", point: "mid_handler", replacing });

it("counts a job that was completed, one that was dead-lettered, and one that was lost", () => {
  const log = [began("a", 1), completed("a", 1), began("b", 1), killed()];
  const report = crashReport(["a", "b", "c"], log, ["b"]);
  expect(report).toMatchObject({ jobs: 3, runs: 2, completed: 1, deadLettered: 1, duplicates: 0 });
  expect(report.kills.mid_handler).toBe(1);
  expect(report.lost).toEqual(["c"]);
});

it("counts every end of a job beyond its first as a duplicate", () => {
  const twice = [began("a", 1), completed("a", 1), began("a", 2), completed("a", 2)];
  expect(crashReport(["a"], twice, ["a"])).toMatchObject({
    completed: 1,
    deadLettered: 1,
    duplicates: 2,
    lost: [],
  });
});

it("reports a job whose attempt is below its number of runs", () => {
  expect(crashReport(["a"], [began("a", 1), began("a", 1)], ["a"]).undercounted).toEqual(["a: 1, 1"]);
  expect(crashReport(["a"], [began("a", 1), began("a", 3)], ["a"]).undercounted).toEqual([]);
});

it("counts the runs of a message apart from those of the copy that a kill left next to it", () => {
  const forked = [began("a", 1), killed("a"), began("a", 2), began("a", 2)];
  expect(crashReport(["a"], forked, ["a"]).undercounted).toEqual([]);
  expect(crashReport(["a"], [...forked, began("a", 2)], ["a"]).undercounted).toEqual([]);
  expect(crashReport(["a"], [...forked, began("a", 2), began("a", 2)], ["a"]).undercounted).toHaveLength(1);
});

it("refuses a log with a job that was never sent", () => {
  expect(() => crashReport([], [began("ghost", 1)], [])).toThrow("ghost");
});
