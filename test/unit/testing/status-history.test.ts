import { describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import { recordJobs } from "../../../src/testing/record.ts";
import { runUntilIdle } from "../../../src/testing/run-until-idle.ts";
import { Fixture } from "../worker/fixture.ts";
import { JobsFixture } from "../jobs/fixture.ts";

describe("the statuses of a job", () => {
  test("follow from what was sent and run if jobs are not recorded", async () => {
    const fixture = new Fixture();
    using record = recordJobs(fixture.queue);
    fixture.worker.register("mail", (_, { attempt }) => {
      if (attempt === 1) throw new Error("no");
    });
    fixture.worker.register("bad", () => {
      throw new PermanentError("gone");
    });
    const { id } = await fixture.queue.send("jobs", { type: "mail", payload: 1 });
    const bad = await fixture.queue.sendDelayed("jobs", { type: "bad", payload: 1 }, "1m");
    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });
    expect(record.statuses(id)).toEqual(["queued", "processing", "retrying", "processing", "completed"]);
    expect(record.statuses(bad.id)).toEqual(["scheduled", "processing", "failed"]);
    expect(record.statuses("unknown")).toEqual([]);
  });

  test("are those of its record if jobs are recorded", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const record = recordJobs(jobs);
    const worker = jobs.worker();
    let isFixed = false;
    worker.register("mail", (_, { attempt, progress }) => {
      progress(50);
      if (attempt === 1) throw new Error("no");
      if (!isFixed) throw new PermanentError("not yet");
    });
    await jobs.send({ type: "mail", payload: 1, id: "a" }, { delay: "1h" });
    await jobs.send({ type: "mail", payload: 1, id: "b" }, { delay: "1h" });
    await jobs.cancel("b");
    await runUntilIdle(worker, "jobs", { clock });
    // The claim of the worker comes before the end of the dispatch is recorded.
    const failed = ["scheduled", "processing", "retrying", "processing", "failed"];
    expect(record.statuses("a")).toEqual(failed);
    expect(record.statuses("b")).toEqual(["scheduled", "cancelled"]);
    isFixed = true;
    await jobs.retry("a");
    await runUntilIdle(worker, "jobs", { clock });
    const again = ["queued", "processing", "retrying", "processing", "completed"];
    expect(record.statuses("a")).toEqual([...failed, ...again]);
    expect(record.completed).toHaveLength(1);
    record.close();
    await jobs.send({ type: "mail", payload: 1, id: "c" });
    await clock.settle();
    expect(record.statuses("c")).toEqual([]);
  });
});
