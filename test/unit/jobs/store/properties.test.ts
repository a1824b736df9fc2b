import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { array, check as run, constantFrom, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { Changes } from "../../../../src/jobs/conformance/kit/changes.ts";
import { Random } from "../../../../src/jobs/conformance/kit/random.ts";
import { RandomChanges } from "../../../../src/jobs/conformance/kit/random-changes.ts";
import type { JobChange } from "../../../../src/jobs/store/change.ts";
import { isFinal, type JobRow } from "../../../../src/jobs/store/job-row.ts";
import { transition } from "../../../../src/jobs/store/transition.ts";
import { ID, START } from "./record.ts";

type Step = ReturnType<typeof transition>;

/** The first failure in random histories of one job; undefined if there is none. At each step, `check` sees the row before, a change, the time, and its effect. */
function failureOf(
  check: (before: JobRow | undefined, change: JobChange, now: number, after: Step) => void,
): unknown {
  const waits = array(constantFrom(0, 1, 1_000, 30_000, 60_000, 3_600_000), {
    minLength: 1,
    maxLength: 60,
  });
  const histories = property(nat(), waits, (seed, steps) => {
    const clock = { time: START, now: () => clock.time, advance: () => {} };
    const changes = new RandomChanges(new Random(seed), new Changes(clock));
    let row: JobRow | undefined;
    for (const wait of steps) {
      clock.time += wait;
      const change = changes.of(ID, row);
      const after = transition(row, change, clock.time);
      check(row, change, clock.time, after);
      ({ row } = after);
    }
  });
  const { failed, counterexample, errorInstance } = run(histories, { numRuns: 600 });
  return failed ? { counterexample, errorInstance } : undefined;
}

test("every change that is repeated at once has no further effect, and gets the same answer", () => {
  const failure = failureOf((_before, change, now, { row, answer }) => {
    const again = transition(row, change, now);
    deepEqual(again.row, row);
    deepEqual(again.answer, answer);
  });
  expect(failure).toBeUndefined();
});

test("a change without an effect on a row returns the same row", () => {
  const failure = failureOf((before, _change, _now, { row }) => {
    if (row?.version === before?.version && row?.hold === before?.hold) equal(row, before);
  });
  expect(failure).toBeUndefined();
});

test("version, generation and fence of a job never fall, and a version counts one change", () => {
  const failure = failureOf((before, _change, _now, { row }) => {
    if (before === undefined || row === undefined) return;
    ok(row.version === before.version || row.version === before.version + 1);
    ok(row.generation >= before.generation);
    ok(row.fence >= before.fence);
  });
  expect(failure).toBeUndefined();
});

test("a completed job goes on only if a retry forces it", () => {
  const failure = failureOf((before, change, _now, { row }) => {
    if (before?.status !== "completed" || row?.status === "completed") return;
    ok(change.kind === "reopen" && change.force);
  });
  expect(failure).toBeUndefined();
});

test("each state of a job has the members that it needs, and no others", () => {
  const failure = failureOf((_before, _change, _now, { row }) => {
    if (row === undefined) return;
    const { status, hold, finishedAt, nextAt, dispatch, isBuried, deadLetterReason } = row;
    equal(hold !== undefined, status === "processing");
    equal(finishedAt !== undefined, isFinal(status));
    equal(nextAt !== undefined, status === "retrying");
    if (status === "scheduled") notEqual(dispatch, undefined);
    if (dispatch !== undefined) ok(status === "queued" || status === "scheduled");
    if (isBuried) equal(status, "failed");
    equal(deadLetterReason !== undefined, status === "failed");
  });
  expect(failure).toBeUndefined();
});
