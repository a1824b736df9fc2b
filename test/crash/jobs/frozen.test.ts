import { expect, test } from "vitest";
import { withBackend } from "../backends.ts";
import { freezeDispatcher, freezeHolder } from "./frozen.ts";

const JOBS = 20;

test(`a process that is frozen past its claims of ${JOBS} jobs ends none of them, and acknowledges no message of the other`, () =>
  withBackend("directory", async (backend) => {
    const { refused, ...report } = await freezeHolder(backend, JOBS);
    expect(report).toEqual({ jobs: JOBS, staleEnds: 0, foreignAcks: 0, completed: JOBS, left: 0 });
    expect(refused).toBe(JOBS);
  }));

test("a dispatcher that is frozen before its sends runs no job a second time", () =>
  withBackend("directory", async (backend) => {
    const report = await freezeDispatcher(backend, JOBS);
    expect(report).toEqual({ jobs: JOBS, runs: JOBS, completed: JOBS, left: 0 });
  }));
