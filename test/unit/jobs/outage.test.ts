import { expect, test } from "vitest";
import type { JobSnapshot, Jobs } from "../../../src/jobs/index.ts";
import { sleep } from "../../../src/lib/clock.ts";
import { MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const EVERY_MS = 10;
const WORK_MS = 20;
const OUTAGE_MS = 5 * SECOND;

async function allOf(jobs: Jobs): Promise<JobSnapshot[]> {
  const found: JobSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await jobs.list({ limit: 200, cursor });
    found.push(...page.jobs);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

test.each(["fail", "hang"] as const)(
  "a store whose calls %s for 5 s under load fails no job, slows none down for long, and has all statuses right 10 s later",
  async (fault) => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await fixture.jobs();
    const worker = jobs.worker({ concurrency: 20 });
    let runs = 0;
    const failures: unknown[] = [];
    worker.on("failed", (event) => failures.push(event.error));
    worker.register("work", async () => {
      runs += 1;
      await sleep(clock, WORK_MS);
      return "done";
    });
    const starting = worker.start("jobs");
    await clock.settle();
    await starting;

    const sent: Promise<unknown>[] = [];
    const load = async (ms: number): Promise<number> => {
      const before = runs;
      for (let at = 0; at < ms; at += EVERY_MS) {
        sent.push(jobs.send({ type: "work", payload: sent.length }));
        await clock.advance(EVERY_MS);
      }
      return runs - before;
    };
    const usual = await load(OUTAGE_MS);
    fixture.storeFault = () => fault;
    const meanwhile = await load(OUTAGE_MS);
    fixture.storeFault = () => undefined;
    await load(SECOND);
    await clock.advance(9 * SECOND);

    await Promise.all(sent);
    expect(failures).toEqual([]);
    expect(runs).toBe(sent.length);
    expect(meanwhile / usual).toBeGreaterThanOrEqual(0.8);
    const found = await allOf(jobs);
    expect(found).toHaveLength(sent.length);
    expect(found.filter(({ status }) => status !== "completed")).toEqual([]);
    const closing = watch(jobs.close());
    await clock.advance(MINUTE);
    expect(closing.state).toBe("resolved");
  },
);
