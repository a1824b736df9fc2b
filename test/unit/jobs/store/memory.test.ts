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

test("a job that is delayed costs the same behind 20,000 others as behind none", async () => {
  const clock = new FakeClock();
  const make = new Changes(clock);
  const store = memoryJobStore({ clock });
  let births = 0;
  /** The CPU time in which jobs are delayed, and after each of them the dispatcher asks what is due. */
  const cpuMs = async (jobs: number, looks: boolean): Promise<number> => {
    const before = process.cpuUsage();
    for (let job = 0; job < jobs; job += 1) {
      births += 1;
      await store.apply("jobs", [make.birth(`j${births}`, {}, { dueInMs: 86_400_000 + births })]);
      if (!looks) continue;
      expect(await store.takeDue("jobs", { limit: 10, takenMs: 1_000 })).toEqual([]);
      expect(await store.nextDueAt("jobs")).toBe(clock.now() + 86_400_001);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  await cpuMs(500, true);
  const behindFew = await cpuMs(500, true);
  await cpuMs(20_000, false);
  const behindMany = await cpuMs(500, true);
  expect(behindMany).toBeLessThan(10 * behindFew);
  await clock.advance(86_400_001);
  expect(await store.takeDue("jobs", { limit: 10, takenMs: 1_000 })).toMatchObject([{ row: { id: "j1" } }]);
});
