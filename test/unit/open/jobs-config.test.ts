import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { splitConfig, type ConfigParts } from "../../../adapters/config-file.ts";
import { parseConfig } from "../../../adapters/open.ts";
import type { QueueError } from "../../../src/errors.ts";
import { asSupported, jobsOnRedis } from "../../support/jobs-on-redis.ts";

const split = (yaml: string): ConfigParts => splitConfig({ provider: "memory", ...parse(yaml) }, "file");

/** The error that refuses a configuration. Undefined if it is accepted. */
function refusal(yaml: string): QueueError | undefined {
  try {
    split(yaml);
    return undefined;
  } catch (error) {
    return error as QueueError;
  }
}

/** The job system and its queues, as systems on Redis configure them. */
const ofRedis = jobsOnRedis({ password: "hunter2" });

describe("the section jobs", () => {
  test("the blocks of a system on Redis work as they are, but for the levels", () => {
    const { worker, jobs } = split(asSupported(ofRedis));

    expect(worker).toEqual({ concurrency: 5, backoff: { baseMs: 5_000 } });
    expect(jobs).toMatchObject({
      enabled: true,
      store: { redis: "redis://:hunter2@localhost:6379/0" },
      worker_pool: { max_retries: 3 },
      scheduler: { enabled: true, cleanup_interval: 60_000 },
      metrics: { enabled: true, collection_interval: 30_000 },
    });
    expect(jobs?.queues).toEqual({
      default: { priority_levels: ["normal"], max_jobs: 1_000 },
      email: { priority_levels: ["normal"], max_jobs: 5_000 },
      file_processing: { priority_levels: ["normal"], max_jobs: 100 },
      cleanup: { priority_levels: ["normal"], max_jobs: 50 },
    });
  });

  test("the blocks of a system on Redis are refused with every key that does not work yet, and with what to use", () => {
    const error = refusal(ofRedis);

    expect(error?.code).toBe("not_supported");
    for (const name of ["default", "email", "file_processing", "cleanup"])
      expect(error?.message).toContain(
        `queues.${name}.priority_levels: levels of priority are not supported`,
      );
    expect(error?.message).not.toContain("hunter2");
  });

  test.each([
    [
      "jobs: { store: { memory: true }, queues: { a: { priority_levels: [low] } } }",
      "not_supported",
      "jobs.queues.a.priority_levels",
    ],
    ["jobs: { store: { memory: true }, schedules: { nightly: {} } }", "not_supported", "jobs.schedules"],
    [
      "jobs: { store: { memory: true }, scheduler: { enabled: false } }",
      "not_supported",
      "jobs.scheduler.enabled",
    ],
  ])("%s is refused as %s, with its key", (yaml, code, key) => {
    expect(refusal(yaml)).toMatchObject({ code, message: expect.stringContaining(`file: ${key}: `) });
    expect(refusal(yaml)?.message).not.toContain("hunter2");
  });

  test.each([
    ["jobs: {}", "jobs.store is missing; expected"],
    ["jobs: 5", "jobs: expected an object; got 5"],
    ["jobs: { store: {} }", "jobs.store: expected one store"],
    ["jobs: { store: { memory: true, sqlite: jobs.db } }", "jobs.store: expected one store"],
    ["jobs: { store: { memory: false } }", "jobs.store.memory: expected true"],
    ["jobs: { store: { sqlite: 'mysql://me:hunter2@db' } }", "expected the path of an SQLite file"],
    [
      "jobs: { store: { redis: 'http://:hunter2@cache' } }",
      "jobs.store.redis: expected a URL that begins with redis://",
    ],
    ["jobs: { store: { redis: 5 } }", "jobs.store.redis: expected a URL that begins with redis://"],
    [
      "jobs: { store: { redis: { url: redis://c, prefx: a } } }",
      'jobs.store.redis: unknown key "prefx", did you mean "prefix"?',
    ],
    [
      "jobs: { redis: { addr: cache, password: hunter2 } }",
      "jobs.redis.addr: expected a host and a port such as",
    ],
    [
      "jobs: { redis: redis://c, store: { memory: true } }",
      "jobs.redis and jobs.store both name a store; keep one of them",
    ],
    ["jobs: { store: { sqlit: jobs.db } }", 'jobs.store: unknown key "sqlit", did you mean "sqlite"?'],
    [
      "jobs: { store: { memory: true }, retention: { completed: 5m } }",
      'jobs.retention.completed: expected a duration such as 5000, "5s" or { "seconds": 5 }, 3600000 milliseconds or more; got "5m"',
    ],
    [
      "jobs: { store: { memory: true }, worker_poll: {} }",
      'unknown key "worker_poll", did you mean "worker_pool"?',
    ],
    [
      "jobs: { store: { memory: true }, worker_pool: { retry_delay: soon } }",
      'jobs.worker_pool.retry_delay: expected a duration such as 5000, "5s"',
    ],
    [
      "jobs: { store: { memory: true }, worker_pool: { max_retries: -1 } }",
      "jobs.worker_pool.max_retries: expected at least 0; got -1",
    ],
    [
      "{ jobs: { store: { memory: true } }, queues: { emails: { max_job: 5 } } }",
      'queues.emails: unknown key "max_job", did you mean "max_jobs"?',
    ],
    [
      "{ jobs: { store: { memory: true } }, queues: { emails: { max_jobs: 0 } } }",
      "queues.emails.max_jobs: expected at least 1; got 0",
    ],
    [
      "{ jobs: { store: { memory: true }, queues: { a: {} } }, queues: { a: { max_jobs: 5 } } }",
      "queues.a and jobs.queues.a are the same; keep one of them",
    ],
    ["queues: { emails: { max_jobs: 5 } }", "queues.emails: settings of jobs need the section jobs"],
    [
      "{ jobs: { store: { memory: true }, worker_pool: { worker_count: 2, retry_delay: 5s } }, worker: { concurrency: 2, backoff: { baseMs: 5s } } }",
      "jobs.worker_pool.worker_count and worker.concurrency, jobs.worker_pool.retry_delay and worker.backoff.baseMs: the same setting",
    ],
  ])("%s is refused with its path and what was expected", (yaml, sentence) => {
    expect(refusal(yaml)).toMatchObject({ code: "config", message: expect.stringContaining(sentence) });
    expect(refusal(yaml)?.message).not.toContain("hunter2");
  });

  test.each([
    ["redis: redis://cache:6379", "redis://cache:6379"],
    ["redis: { url: rediss://cache, prefix: app }", { url: "rediss://cache", prefix: "app" }],
    ["redis: { cluster: [redis://a, redis://b] }", { cluster: ["redis://a", "redis://b"] }],
    ["redis: { addr: 'cache:6379' }", "redis://cache:6379/0"],
    [
      "redis: { addr: 'cache:6379', username: me, password: 'p@ss/word', db: 2 }",
      "redis://me:p%40ss%2Fword@cache:6379/2",
    ],
  ])("jobs.redis as %s is another name of jobs.store.redis", (yaml, redis) => {
    expect(split(`jobs: { ${yaml} }`).jobs).toEqual({ store: { redis } });
  });

  test("an object in queues is a setting of jobs, and a text stays the name of the provider", () => {
    const { queue, jobs } = splitConfig(
      {
        provider: "sqs",
        jobs: { store: { memory: true } },
        queues: { emails: "prod-emails", reports: { max_jobs: 10 } },
      },
      "file",
    );
    expect(queue).toMatchObject({ queues: { emails: "prod-emails" } });
    expect(jobs?.queues).toEqual({ reports: { max_jobs: 10 } });
  });

  test("an object with the names of Pub/Sub stays a name", () => {
    const names = { topic: "t", subscription: "s" };
    const { queue, jobs } = splitConfig(
      {
        provider: "pubsub",
        jobs: { store: { memory: true } },
        queues: { uploads: names, emails: { max_jobs: 10 } },
      },
      "file",
    );
    expect(queue).toMatchObject({ queues: { uploads: names } });
    expect(jobs?.queues).toEqual({ emails: { max_jobs: 10 } });
  });

  test("a section that is not enabled is checked, and has no effect on the worker", () => {
    expect(split("jobs: { enabled: false, worker_pool: { worker_count: 3 } }").worker).toEqual({});
    expect(refusal("jobs: { enabled: false, worker_pool: { worker_count: 0 } }")?.code).toBe("config");
  });

  test("the settings of the worker pool are added to those of the worker", () => {
    const { worker } = split(`
      jobs:
        store: { memory: true }
        worker_pool: { job_timeout: 10m, max_retry_delay: 1h, backoff_factor: 3, jitter: false }
      worker: { concurrency: 7, backoff: { baseMs: 2s } }
    `);
    expect(worker).toEqual({
      concurrency: 7,
      timeoutMs: 600_000,
      backoff: { baseMs: 2_000, capMs: 3_600_000, factor: 3, jitter: false },
    });
  });

  test("the section is accepted by parseConfig, and a mistake in it is refused", () => {
    const file = { provider: "memory", jobs: { store: { memory: true } } };
    expect(parseConfig(file)).toEqual({ provider: "memory" });
    expect(() => parseConfig({ ...file, jobs: { stores: {} } })).toThrow('did you mean "store"?');
    expect(() => parseConfig({ ...file, jbos: {} })).toThrow('unknown key "jbos", did you mean "jobs"?');
  });
});
