import { describe, expect, test } from "vitest";
import { runUntilIdle } from "../../../src/testing/run-until-idle.ts";
import { DriverError } from "../../../src/driver/error.ts";
import { HOUR, MINUTE } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

describe("runUntilIdle with recorded jobs", () => {
  test("runs the jobs that are delayed, have a key, or are sent by handlers, and then ends", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    const runs: string[] = [];
    worker.register("mail", async ({ id, payload }) => {
      runs.push(id);
      if (payload === "more") await jobs.send({ type: "mail", payload: 1, id: "child" }, { delay: "2h" });
    });
    const start = clock.now();
    await jobs.send({ type: "mail", payload: "more", id: "parent" }, { delay: "3h" });
    await jobs.send({ type: "mail", payload: 1 }, { idempotencyKey: "k" });
    await jobs.send({ type: "mail", payload: 1, id: "elsewhere" }, { queue: "others", delay: "10h" });
    await runUntilIdle(worker, "jobs", { clock });
    expect(runs).toEqual([expect.stringContaining("key-"), "parent", "child"]);
    expect(clock.now() - start).toBeGreaterThanOrEqual(5 * HOUR);
    expect(clock.now() - start).toBeLessThan(5 * HOUR + MINUTE);
    expect(await jobs.get("child")).toMatchObject({ status: "completed" });
    expect(await jobs.get("elsewhere")).toMatchObject({ status: "scheduled" });
  });

  test("waits for the next try of a job whose message could not be sent", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    worker.register("mail", () => undefined);
    let fails = 3;
    fixture.fault = ({ operation }) => {
      if (operation !== "send" || fails === 0) return undefined;
      fails -= 1;
      return { kind: "error", error: new DriverError("auth", "the token has expired") };
    };
    await jobs.send({ type: "mail", payload: 1, id: "a" });
    await runUntilIdle(worker, "jobs", { clock });
    expect(await jobs.get("a")).toMatchObject({ status: "completed" });
  });

  test("says that jobs are left which are not sent yet", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    worker.register("mail", () => undefined);
    await jobs.send({ type: "mail", payload: 1 }, { delay: "1h" });
    await expect(runUntilIdle(worker, "jobs", { clock, maxMs: "1m" })).rejects.toThrow(
      "messages left (jobs: 0), and recorded jobs that are not sent to their queue yet. Raise maxMs",
    );
  });

  test.each(["fail", "hang"] as const)("ends if the store cannot be asked (%s)", async (fault) => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    let runs = 0;
    worker.register("mail", () => void (runs += 1));
    fixture.storeFault = () => fault;
    await fixture.queue.send("jobs", { type: "mail", payload: 1 });
    await runUntilIdle(worker, "jobs", { clock, realMs: 50 });
    expect(runs).toBe(1);
  });

  test("asks the store of its own process less than 500 times in an hour", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const worker = jobs.worker();
    worker.register("mail", () => undefined);
    await jobs.send({ type: "mail", payload: 1, id: "a" }, { delay: "1h" });
    let takes = 0;
    fixture.storeFault = ({ method }) => {
      if (method === "takeDue") takes += 1;
      return undefined;
    };
    await runUntilIdle(worker, "jobs", { clock });
    expect(await jobs.get("a")).toMatchObject({ status: "completed", waitMs: expect.closeTo(0, -3) });
    expect(takes).toBeLessThan(500);
  });
});
