import { Pool, type PoolClient } from "pg";
import { afterAll, describe, expect, test } from "vitest";
import type { JobAnswer, JobStore } from "../../../src/jobs/store/index.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { claim, end, insert } from "../sqlite/fixture.ts";
import { PostgresJobs } from "./fixture.ts";

const { server, missing } = await findServer("postgres");
if (missing !== undefined) console.warn(`SKIPPED: contention in the Postgres job store. ${missing}`);

/** Runs work beside a transaction of an application, which is rolled back at the end. */
async function beside(
  jobs: PostgresJobs,
  text: string,
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const pool = new Pool({ connectionString: jobs.database.url, max: 1 });
  pool.on("error", () => {});
  const client = await pool.connect();
  client.on("error", () => {});
  try {
    await client.query("BEGIN");
    await client.query(text);
    await work(client);
    await client.query("ROLLBACK");
  } finally {
    client.release();
    await pool.end();
  }
}

const ids = Array.from({ length: 50 }, (_, index) => `job-${index}`);

async function claimed(store: JobStore): Promise<void> {
  const createdAt = Date.now();
  await store.apply(
    "ns",
    ids.map((id) => insert(id, { createdAt })),
  );
  await store.apply(
    "ns",
    ids.map((id) => claim(id, `t-${id}`, { createdAt })),
  );
}

const outcomes = (answers: readonly JobAnswer[]): unknown[] =>
  answers.map((answer) => (answer.do === "ended" ? answer.verdict : answer.do));

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  afterAll(() => server?.close());

  test("a row that an application has locked holds up no other change of its batch", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const store = await jobs.open();
    await claimed(store);
    const lock = "SELECT 1 FROM queueport.job WHERE id = 'job-7' FOR UPDATE";
    await beside(jobs, lock, async () => {
      const answers = await store.apply(
        "ns",
        ids.map((id) => end(id, `t-${id}`)),
      );
      expect(outcomes(answers)).toEqual(ids.map((id) => (id === "job-7" ? "again" : "recorded")));
    });
    expect(outcomes(await store.apply("ns", [end("job-7", "t-job-7")]))).toEqual(["recorded"]);
  });

  test("a change without an effect is answered although its row is locked", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const store = await jobs.open();
    await claimed(store);
    const lock = "SELECT 1 FROM queueport.job WHERE id = 'job-7' FOR UPDATE";
    await beside(jobs, lock, async () => {
      const [answer] = await store.apply("ns", [claim("job-7", "another")]);
      expect(answer).toMatchObject({ do: "later", why: "busy" });
    });
  });

  test("a job that an application is about to create holds up no other birth", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const store = await jobs.open();
    const { rows } = await jobs.database.query("SELECT ns FROM queueport.job_namespace");
    const lock = `SELECT pg_advisory_xact_lock(hashtextextended('queueport ' || ${Number(rows[0].ns)} || ' order-1', 0))`;
    const birth = (id: string) =>
      ({
        kind: "birth",
        id,
        job: insert(id, { createdAt: Date.now() }).job,
        token: id,
        dueInMs: 0,
        takenMs: 0,
      }) as const;
    await beside(jobs, lock, async () => {
      const answers = await store.apply("ns", [birth("order-0"), birth("order-1"), birth("order-2")]);
      expect(outcomes(answers)).toEqual(["born", "again", "born"]);
    });
    expect(outcomes(await store.apply("ns", [birth("order-1")]))).toEqual(["born"]);
  });

  test("a lock on the whole table is waited for a second, and answered as a row that is locked", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const store = await jobs.open();
    await claimed(store);
    await beside(jobs, "LOCK TABLE queueport.job IN SHARE MODE", async () => {
      const startedAt = performance.now();
      const [answer] = await store.apply("ns", [end("job-1", "t-job-1")]);
      expect(answer).toEqual({ do: "again" });
      expect(performance.now() - startedAt).toBeGreaterThan(900);
    });
  });

  test("batches of several processes that change the same jobs in other orders all end", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const stores = [await jobs.open(), await jobs.open(), await jobs.open()];
    const createdAt = Date.now();
    const [first] = stores;
    await first?.apply(
      "ns",
      ids.map((id) => insert(id, { createdAt })),
    );
    const all = await Promise.all(
      stores.flatMap((store, index) =>
        [ids, ids.toReversed()].map((some, order) =>
          store.apply(
            "ns",
            some.map((id) => claim(id, `t-${index}-${order}`, { createdAt })),
          ),
        ),
      ),
    );
    const runs = all.flat().filter((answer) => answer.do === "run").length;
    expect(runs).toBe(ids.length);
  });

  test("a reader beside two writers sees each job once, and misses none", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const [one, other] = [await jobs.open(), await jobs.open()];
    const { cursor: start } = await one.changedSince("ns", undefined, 10);
    const createdAt = Date.now();
    const seen: string[] = [];
    let cursor = start;
    let isWriting = true;
    const write = async (store: JobStore, name: string): Promise<void> => {
      for (let index = 0; index < 40; index += 1)
        await store.apply("ns", [insert(`${name}-${index}`, { createdAt })]);
    };
    const writing = Promise.all([write(one, "a"), write(other, "b")]).then(() => (isWriting = false));
    const read = async (): Promise<void> => {
      const page = await one.changedSince("ns", cursor, 9);
      seen.push(...page.rows.map(({ id }) => id));
      ({ cursor } = page);
      if (page.hasMore) await read();
    };
    while (isWriting) await read();
    await writing;
    await read();
    const expected = ["a", "b"].flatMap((name) =>
      Array.from({ length: 40 }, (_, index) => `${name}-${index}`),
    );
    expect(seen.toSorted()).toEqual(expected.toSorted());
  });
});
