import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ConfigFile, openJobs } from "../../../adapters/open.ts";
import { memoryJobStore } from "../../../src/jobs/index.ts";
import type { Jobs, JobsWorkerOptions } from "../../../src/jobs/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";

const folder = mkdtempSync(join(tmpdir(), "queueport-open-"));
afterAll(() => rmSync(folder, { recursive: true }));

const inMemory = { provider: "memory", jobs: { store: { memory: true } } } as const satisfies ConfigFile;
const quiet = { onWarning: () => {} };

describe("openJobs", () => {
  test("opens jobs over the queue and the store of a configuration", async () => {
    await using jobs = await openJobs(inMemory, quiet);
    const job = await jobs.send({ type: "email", payload: { to: "u1" } }, { queue: "emails" });

    expect(jobs.store.name).toBe("memory");
    expect(await job.get()).toMatchObject({ status: "queued", queue: "emails" });
  });

  test("opens an SQLite store, whose records a second opening sees", async () => {
    const jobs = { store: { sqlite: join(folder, "jobs.db") }, migrate: true, namespace: "test" };
    const first = await openJobs({ provider: "memory", jobs }, quiet);
    const { id } = await first.send({ type: "email", payload: 1 }, { queue: "emails", delay: "1h" });
    await first.close();
    await using second = await openJobs({ provider: "memory", jobs: { ...jobs, migrate: false } }, quiet);

    expect(second.store.name).toBe("sqlite");
    expect(await second.get(id)).toMatchObject({ status: "scheduled" });
  });

  test("closes the queue and the store with the jobs, and again without effect", async () => {
    const jobs = await openJobs(inMemory, quiet);
    await jobs.close();
    await jobs.close();

    await expect(jobs.queue.send("emails", { type: "a", payload: 1 })).rejects.toMatchObject({
      code: "closed",
    });
    await expect(jobs.store.counts("any")).rejects.toMatchObject({ code: "closed" });
  });

  test("gives the settings of the configuration to the workers, which options in code override", async () => {
    const pool = { worker_count: 3, retry_delay: "2s", jitter: false } as const;
    const open = (): Promise<Jobs> =>
      openJobs({ provider: "memory", jobs: { ...inMemory.jobs, worker_pool: pool } }, quiet);
    const slots = async (options: JobsWorkerOptions): Promise<number | undefined> => {
      await using jobs = await open();
      const worker = jobs.worker(options).register("email", () => undefined);
      await worker.start("emails");
      return (await jobs.workers())[0]?.slots;
    };

    expect(await slots({})).toBe(3);
    expect(await slots({ concurrency: 7 })).toBe(7);
  });

  test("gives the settings of the section to the jobs", async () => {
    await using jobs = await openJobs(
      {
        provider: "memory",
        jobs: {
          ...inMemory.jobs,
          namespace: "ns",
          queues: { emails: { max_jobs: 1 } },
          types: { email: { queue: "emails", max_retries: 0 }, audit: { queue: "audits", track: "off" } },
          worker_pool: { max_retries: 2 },
        },
      },
      quiet,
    );

    expect(jobs.namespace).toBe("ns");
    expect(jobs.types).toEqual(["email", "audit"]);
    const email = await jobs.send({ type: "email", payload: 1 });
    expect(await email.get()).toMatchObject({ queue: "emails", maxAttempts: 1 });
    const other = await jobs.send({ type: "other", payload: 1 }, { queue: "others" });
    expect(await other.get()).toMatchObject({ maxAttempts: 3 });
    const audit = await jobs.send({ type: "audit", payload: 1 });
    expect(await audit.get()).toBeUndefined();
    await expect(jobs.send({ type: "email", payload: 1 })).rejects.toMatchObject({ code: "queue_full" });
  });

  test("lets settings in code take precedence over the file, type by type", async () => {
    const types = { email: { queue: "from-file", max_retries: 1 }, report: { queue: "reports" } };
    await using jobs = await openJobs(
      { provider: "memory", jobs: { ...inMemory.jobs, types, namespace: "file" } },
      {
        ...quiet,
        namespace: "code",
        definitions: [{ type: "email", queue: "from-code" } as { type: string }],
      },
    );

    expect(jobs.namespace).toBe("code");
    expect(jobs.types).toEqual(["email", "report"]);
    expect(await (await jobs.send({ type: "email", payload: 1 })).get()).toMatchObject({
      queue: "from-code",
      maxAttempts: 2,
    });
  });

  test("archives into the folder of the configuration before it prunes", async () => {
    const archive = join(folder, "archive");
    const clock = new FakeClock();
    await using jobs = await openJobs(
      { provider: "memory", jobs: { ...inMemory.jobs, retention: { cancelled: "2d", archive } } },
      { ...quiet, queue: { clock } },
    );
    const job = await jobs.send({ type: "email", payload: 1 }, { queue: "emails", delay: "1h" });
    await job.cancel();
    expect(await jobs.prune()).toBe(0);
    await clock.advance("3d");

    expect(await jobs.prune()).toBe(1);
    expect(readdirSync(archive)).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\d\.ndjson\.gz$/)]);
    expect(await job.get()).toBeUndefined();
  });

  test.each<[string, unknown, object, string]>([
    ["no section jobs", { provider: "memory" }, {}, "the configuration has no section jobs; add one"],
    [
      "a section that is not enabled",
      { provider: "memory", jobs: { enabled: false } },
      {},
      "jobs.enabled is false",
    ],
    ["a misspelt option", inMemory, { defintions: [] }, "definitions"],
    [
      "a store without a schema",
      { provider: "memory", jobs: { store: { sqlite: join(folder, "new.db") } } },
      quiet,
      "migrate",
    ],
    [
      "a folder as the store",
      { provider: "memory", jobs: { store: { sqlite: folder }, migrate: true } },
      quiet,
      folder,
    ],
  ])("refuses %s with what to do", async (_what, config, options, sentence) => {
    const opening: Promise<Jobs> = openJobs(config as ConfigFile, options);
    await expect(opening).rejects.toThrow(sentence);
    await expect(opening).rejects.not.toThrow("hunter2");
  });

  test("leaves a store that it was given open when it cannot open the jobs", async () => {
    const store = memoryJobStore();
    await store.open("test", "another broker");
    await expect(
      openJobs({ provider: "memory" }, { ...quiet, store, namespace: "test" }),
    ).rejects.toMatchObject({ code: "config" });

    expect(await store.counts("test")).toEqual([]);
  });
});
