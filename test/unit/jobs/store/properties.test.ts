import fc from "fast-check";
import { expect, test } from "vitest";
import { Changes } from "../../../../src/jobs/conformance/kit/changes.ts";
import { Random } from "../../../../src/jobs/conformance/kit/random.ts";
import { RandomChanges } from "../../../../src/jobs/conformance/kit/random-changes.ts";
import type { JobChange } from "../../../../src/jobs/store/change.ts";
import { isFinal, type JobRow } from "../../../../src/jobs/store/job-row.ts";
import { transition } from "../../../../src/jobs/store/transition.ts";
import { ID, START } from "./record.ts";

type Step = ReturnType<typeof transition>;

/** Runs random histories of one job: at each step, `check` sees the row before, a change, the time, and its effect. */
function forHistories(
  check: (before: JobRow | undefined, change: JobChange, now: number, after: Step) => void,
): void {
  const waits = fc.array(fc.constantFrom(0, 1, 1_000, 30_000, 60_000, 3_600_000), {
    minLength: 1,
    maxLength: 60,
  });
  const property = fc.property(fc.nat(), waits, (seed, steps) => {
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
  fc.assert(property, { numRuns: 600 });
}

test("every change that is repeated at once has no further effect, and gets the same answer", () => {
  forHistories((_before, change, now, { row, answer }) => {
    const again = transition(row, change, now);
    expect(again.row).toEqual(row);
    expect(again.answer).toEqual(answer);
  });
});

test("a change without an effect on a row returns the same row", () => {
  forHistories((before, _change, _now, { row }) => {
    if (row?.version === before?.version && row?.hold === before?.hold) expect(row).toBe(before);
  });
});

test("version, generation and fence of a job never fall, and a version counts one change", () => {
  forHistories((before, _change, _now, { row }) => {
    if (before === undefined || row === undefined) return;
    expect([before.version, before.version + 1]).toContain(row.version);
    expect(row.generation).toBeGreaterThanOrEqual(before.generation);
    expect(row.fence).toBeGreaterThanOrEqual(before.fence);
  });
});

test("a completed job goes on only if a retry forces it", () => {
  forHistories((before, change, _now, { row }) => {
    if (before?.status !== "completed" || row?.status === "completed") return;
    expect(change).toMatchObject({ kind: "reopen", force: true });
  });
});

test("each state of a job has the members that it needs, and no others", () => {
  forHistories((_before, _change, _now, { row }) => {
    if (row === undefined) return;
    const { status, hold, finishedAt, nextAt, dispatch, isBuried, deadLetterReason } = row;
    expect(hold !== undefined).toBe(status === "processing");
    expect(finishedAt !== undefined).toBe(isFinal(status));
    expect(nextAt !== undefined).toBe(status === "retrying");
    if (status === "scheduled") expect(dispatch).toBeDefined();
    if (dispatch !== undefined) expect(["queued", "scheduled"]).toContain(status);
    if (isBuried) expect(status).toBe("failed");
    expect(deadLetterReason !== undefined).toBe(status === "failed");
  });
});
