import { describe, expect, test } from "vitest";
import * as z from "zod";
import { QueueError } from "../../../src/errors.ts";
import type { JobStore } from "../../../src/jobs/store/job-store.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const waiting = defineJob({ type: "waiting", schema: z.unknown(), whenStoreIsDown: "wait" });

describe("a process that starts while its store is down", () => {
  test.each(["fail", "hang"] as const)("needs no restart when the store is back (%s)", async (fault) => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    fixture.storeFault = () => fault;
    const creating = watch(fixture.jobs());
    await clock.advance(5 * SECOND);
    const jobs = creating.value;
    if (jobs === undefined) throw new Error("createJobs has not resolved");
    const runs: string[] = [];
    const worker = jobs.worker();
    worker.register("mail", ({ id }, job) => void runs.push(`${id} ${job.isTracked}`));
    worker.register(waiting, ({ id }, job) => void runs.push(`${id} ${job.isTracked}`));
    const starting = watch(worker.start("jobs"));
    await clock.settle();
    expect(starting.state).toBe("resolved");

    // Sent as by a process that does not record its jobs.
    await fixture.queue.send("jobs", { type: "mail", payload: 1, id: "early" });
    await fixture.queue.send("jobs", { type: "waiting", payload: 1, id: "patient" });
    await clock.advance(3 * MINUTE);
    expect(runs).toEqual(["early false"]);
    const refused = watch(jobs.send({ type: "mail", payload: 1, id: "delayed" }, { delay: "1s" }));
    await clock.advance(20 * SECOND);
    expect(refused).toMatchObject({ state: "rejected", error: { code: "store_unavailable" } });

    fixture.storeFault = () => undefined;
    await clock.advance(30 * SECOND);
    expect(await jobs.workers()).toMatchObject([{ id: worker.id }]);
    expect(await jobs.get("early")).toMatchObject({ status: "completed" });
    await jobs.send({ type: "mail", payload: 1, id: "delayed" }, { delay: "1m" });
    await fixture.queue.send("jobs", { type: "mail", payload: 1, id: "plain" });
    await clock.advance(65 * SECOND);
    // The one that waits is looked at again once a minute.
    expect(runs.toSorted()).toEqual(["delayed true", "early false", "patient true", "plain true"]);
    for (const id of ["patient", "plain", "delayed"])
      expect(await jobs.get(id)).toMatchObject({ status: "completed", attempt: 1 });
    const closing = watch(jobs.close());
    await clock.advance(10 * SECOND);
    expect(closing.state).toBe("resolved");
  });

  test("listens to its store also if that could not be listened to at first", async () => {
    const fixture = new JobsFixture();
    let fails = 2;
    const listens: string[] = [];
    const store: JobStore = {
      ...fixture.store,
      listen: (...given) => {
        if (fails > 0) {
          fails -= 1;
          throw new QueueError("store_unavailable", "the file is not there yet", { retryable: true });
        }
        listens.push(given[0]);
        return fixture.store.listen(...given);
      },
    };
    const jobs = await fixture.jobs({ store });
    const worker = jobs.worker();
    let isAborted = false;
    worker.register("mail", (_, { signal }) => {
      signal.addEventListener("abort", () => (isAborted = true));
      return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    });
    await worker.start("jobs");
    await jobs.send({ type: "mail", payload: 1, id: "a" }, { delay: "10s" });
    await fixture.clock.advance(11 * SECOND);
    expect(await jobs.get("a")).toMatchObject({ status: "processing" });
    await jobs.cancel("a");
    await fixture.clock.settle();
    expect(isAborted).toBe(true);
    expect(listens.length).toBeGreaterThanOrEqual(2);
    expect(fixture.warnings).toEqual([["listen", expect.stringContaining("the file is not there yet")]]);
    const closing = watch(jobs.close());
    await fixture.clock.advance(10 * SECOND);
    expect(closing.state).toBe("resolved");
  });
});
