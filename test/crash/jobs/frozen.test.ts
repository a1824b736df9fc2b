import { expect, test } from "vitest";
import { backends } from "../backends.ts";
import { freezeDispatcher, freezeHolder } from "./frozen.ts";

const JOBS = 20;

test(`a process that is frozen past its claims of ${JOBS} jobs ends none of them, and acknowledges no message of the other`, async () => {
  const backend = await backends["directory"]?.();
  if (backend === undefined) throw new Error("There is no directory backend.");
  try {
    const { refused, ...report } = await freezeHolder(backend, JOBS);
    expect(report).toEqual({ jobs: JOBS, staleEnds: 0, foreignAcks: 0, completed: JOBS, left: 0 });
    expect(refused).toBe(JOBS);
  } finally {
    await backend.close();
  }
});

test("a dispatcher that is frozen before its sends runs no job a second time", async () => {
  const backend = await backends["directory"]?.();
  if (backend === undefined) throw new Error("There is no directory backend.");
  try {
    const report = await freezeDispatcher(backend, JOBS);
    expect(report).toEqual({ jobs: JOBS, runs: JOBS, completed: JOBS, left: 0 });
  } finally {
    await backend.close();
  }
});
