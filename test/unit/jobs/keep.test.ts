import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import {
  type Archive,
  type Jobs,
  type JobSnapshot,
  type JobsOptions,
  type JobStore,
  ndjsonGz,
} from "../../../src/jobs/index.ts";
import { wrappedStore } from "../../../src/jobs/store/wrapped-store.ts";
import { HOUR, MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const DAY = 24 * HOUR;
const mail = { type: "mail", payload: { to: "a" } };

async function cancelled(jobs: Jobs, count: number): Promise<void> {
  await jobs.sendBatch(Array.from({ length: count }, () => mail));
  await jobs.cancelAll({});
}

describe("prune", () => {
  test("deletes what is older than its retention, and a dry run only counts", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ retention: { cancelled: "2 days" } });
    await cancelled(jobs, 3);
    const { id: unfinished } = await jobs.send(mail);
    await fixture.clock.advance(2 * DAY);
    expect(await jobs.prune()).toBe(0);
    await fixture.clock.advance(SECOND);
    expect(await jobs.prune({ dryRun: true })).toBe(3);
    expect((await jobs.list()).total).toBe(4);
    expect(await jobs.prune()).toBe(3);
    expect((await jobs.list()).jobs.map(({ id }) => id)).toEqual([unfinished]);
  });

  test("keeps the latest of too many, and none of the last hour goes", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ retention: { maxJobs: 2 } });
    await cancelled(jobs, 5);
    expect(await jobs.prune()).toBe(0);
    await fixture.clock.advance(HOUR + SECOND);
    expect(await jobs.prune()).toBe(3);
  });

  test("gives each job to the archive once, also if the store deletes few of them in a request", async () => {
    const fixture = new JobsFixture();
    const archived: string[] = [];
    // As a store does whose time for a request is over, on a slow machine or beside much else.
    const slow = wrappedStore(fixture.store, (method, call, given) => {
      if (method !== "prune") return call();
      const [namespace, policy, , ids] = given as Parameters<JobStore["prune"]>;
      return fixture.store.prune(namespace, policy, 2, ids);
    });
    const jobs = await fixture.jobs({
      store: slow,
      archive: (found) => {
        archived.push(...found.map(({ id }) => id));
        return Promise.resolve();
      },
    });
    await cancelled(jobs, 7);
    await fixture.clock.advance(8 * DAY);
    const pruning = watch(jobs.prune());
    await until(() => pruning.state !== "pending", fixture);
    expect(pruning.value).toBe(7);
    expect(archived.toSorted()).toEqual([...new Set(archived)].toSorted());
    expect(archived).toHaveLength(7);
  });

  test("is done by a worker each minute, or as often as the retention says", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ retention: { cancelled: "1h", every: "10m" } });
    await cancelled(jobs, 3);
    const worker = jobs.worker();
    worker.register("fax", () => undefined);
    void worker.start("other");
    await fixture.clock.advance(HOUR + 9 * MINUTE);
    expect((await jobs.list()).total).toBe(3);
    await fixture.clock.advance(MINUTE + SECOND);
    expect((await jobs.list()).total).toBe(0);
    const closing = watch(jobs.close());
    await fixture.clock.advance(MINUTE);
    expect(closing.state).toBe("resolved");
  });

  test.each([
    [{ retention: { completed: "59m" } }, "retention.completed is a duration, 1 hour or more"],
    [{ retention: { data: -1 } }, "retention.data is a duration, 0 milliseconds or more"],
    [{ retention: { maxJobs: 0.5 } }, "retention.maxJobs is a whole number"],
    [{ retention: { every: 0 } }, "retention.every is a duration, 1000 milliseconds or more"],
    [
      { retention: { complete: 1 } },
      'createJobs: retention: unknown option "complete"; did you mean completed?',
    ],
    [{ archive: "folder" }, "archive is a function"],
  ])("is refused with %j", async (options, sentence) => {
    await expect(new JobsFixture().jobs(options as JobsOptions)).rejects.toThrow(sentence);
  });
});

describe("an archive of ndjsonGz", () => {
  let folder = "";
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** The records of a day. */
  async function recordsOf(day: string): Promise<{ readonly id: string }[]> {
    const text = gunzipSync(await readFile(join(folder, `${day}.ndjson.gz`))).toString();
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string });
  }

  test("has a file for each day on which jobs ended, for its owner alone", async () => {
    folder = join(await mkdtemp(join(tmpdir(), "jobs-")), "archive");
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ archive: ndjsonGz(folder) });
    await cancelled(jobs, 700);
    await fixture.clock.advance(DAY);
    await cancelled(jobs, 1);
    await fixture.clock.advance(8 * DAY);
    const pruning = watch(jobs.prune());
    await until(() => pruning.state !== "pending", fixture);
    expect(pruning.value).toBe(701);
    expect(await readdir(folder)).toEqual(["2026-01-01.ndjson.gz", "2026-01-02.ndjson.gz"]);
    const first = await recordsOf("2026-01-01");
    expect(new Set(first.map(({ id }) => id)).size).toBe(700);
    expect((await recordsOf("2026-01-02"))[0]).toMatchObject({
      type: "mail",
      status: "cancelled",
      payload: { to: "a" },
      max_retries: 4,
    });
    expect((await stat(join(folder, "2026-01-01.ndjson.gz"))).mode & 0o077).toBe(0);
  });

  test.each([
    [{}, "b"],
    [{ data: "1h" }, undefined],
  ] as const)("has the results of completed jobs, unless the retention is %j", async (retention, result) => {
    const fixture = new JobsFixture();
    const seen: JobSnapshot[] = [];
    const archive: Archive = async (all) => void seen.push(...all);
    const jobs = await fixture.jobs({ archive, retention });
    const worker = jobs.worker();
    worker.register("mail", () => "b");
    void worker.start("jobs");
    await jobs.send(mail);
    await fixture.clock.settle();
    const stopping = watch(worker.stop());
    await fixture.clock.advance(MINUTE);
    expect(stopping.state).toBe("resolved");
    await fixture.clock.advance(2 * DAY);
    expect(await jobs.prune()).toBe(0);
    await fixture.clock.advance(6 * DAY);
    expect(await jobs.prune()).toBe(1);
    expect(seen).toMatchObject([{ status: "completed", attempt: 1 }]);
    expect(seen[0]?.result).toBe(result);
  });

  test("can be read although two processes append to it at once", async () => {
    folder = await mkdtemp(join(tmpdir(), "jobs-"));
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    // More than Node writes at once, and no zip makes it smaller.
    const noise = randomBytes(1_500_000).toString("base64");
    await jobs.send({ ...mail, id: "a", payload: noise });
    await jobs.cancel("a");
    const job = (await jobs.get("a", ["payload"])) as JobSnapshot;
    const [one, other] = [ndjsonGz(folder), ndjsonGz(folder)];
    await Promise.all(Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? one : other)([job, job])));
    expect(await recordsOf("2026-01-01")).toHaveLength(16);
  });

  test("that fails keeps the jobs, and they are archived once it works again", async () => {
    const fixture = new JobsFixture();
    const seen: JobSnapshot[] = [];
    let isFull = true;
    const archive: Archive = async (jobs) => {
      seen.push(...jobs);
      if (isFull) throw new Error("the disk is full");
    };
    const jobs = await fixture.jobs({ archive });
    await cancelled(jobs, 3);
    await fixture.clock.advance(8 * DAY);
    await expect(jobs.prune()).rejects.toThrow("nothing was deleted: Error: the disk is full");
    expect((await jobs.list()).total).toBe(3);
    isFull = false;
    expect(await jobs.prune()).toBe(3);
    // A crash between the archive and the deletion leaves jobs in the archive twice, by the same ids.
    expect(seen).toHaveLength(6);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
  });

  test("is given a job before it is deleted, also if the process dies between both", async () => {
    const fixture = new JobsFixture();
    const seen: string[] = [];
    const jobs = await fixture.jobs({ archive: async (all) => void seen.push(...all.map(({ id }) => id)) });
    await cancelled(jobs, 1);
    await fixture.clock.advance(8 * DAY);
    fixture.storeFault = ({ method }) => (method === "prune" ? "fail" : undefined);
    await expect(jobs.prune()).rejects.toMatchObject({ code: "store_unavailable" });
    fixture.storeFault = () => undefined;
    expect(await jobs.prune()).toBe(1);
    expect(seen).toHaveLength(2);
    expect(new Set(seen).size).toBe(1);
  });
});

/** Turns the clock until real work, such as that on a file, is done. */
async function until(isDone: () => boolean, { clock }: JobsFixture): Promise<void> {
  while (!isDone()) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1);
  }
}
