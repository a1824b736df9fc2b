import { expect, test } from "vitest";
import { withBackend } from "../backends.ts";
import { freezeDispatcher, freezeHolders } from "./frozen.ts";

const JOBS = 20;

test(`a process that is frozen past its claims of ${JOBS} jobs ends none of them, and acknowledges no message of the other`, () =>
  withBackend("directory", async ({ adapter }) => {
    const report = await freezeHolders(adapter, { times: 2, jobs: JOBS });
    const { held, refused } = report;
    expect(report).toMatchObject({ freezes: 2, jobs: 2 * JOBS, staleEnds: 0, foreignAcks: 0, left: 0 });
    expect(report.completed).toBe(2 * JOBS);
    // All of the first jobs, and half of the others at least.
    expect(held).toBeGreaterThanOrEqual(1.5 * JOBS);
    expect(refused).toBe(held);
  }));

test("a dispatcher that is frozen before its sends runs no job a second time", () =>
  withBackend("directory", async ({ adapter }) => {
    const report = await freezeDispatcher(adapter, JOBS);
    expect(report).toEqual({ jobs: JOBS, runs: JOBS, completed: JOBS, left: 0 });
  }));
