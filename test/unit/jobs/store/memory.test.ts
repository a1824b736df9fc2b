import { expect, test } from "vitest";
import { Changes } from "../../../../src/jobs/conformance/kit/changes.ts";
import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import { FakeClock } from "../../../../src/testing/index.ts";

test("the memory store forgets the oldest finished jobs, and never one that runs again", async () => {
  const clock = new FakeClock();
  const make = new Changes(clock);
  const store = memoryJobStore({ clock, maxFinished: 2 });
  const run = async (id: string): Promise<void> => {
    await store.apply("jobs", [make.claim(id, "t")]);
    await store.apply("jobs", [make.end(id, "t", "failed")]);
  };
  await run("again");
  await store.apply("jobs", [make.reopen("again", "r")]);
  for (const id of ["a", "b", "c", "d"]) await run(id);
  const { rows } = await store.list("jobs", {}, { limit: 10, order: "oldest" });
  expect(rows.map(({ id, status }) => [id, status])).toEqual([
    ["again", "queued"],
    ["c", "failed"],
    ["d", "failed"],
  ]);
});
