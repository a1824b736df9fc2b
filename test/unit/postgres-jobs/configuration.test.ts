import { Pool } from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { splitConfig } from "../../../adapters/config-file.ts";
import { openJobs } from "../../../adapters/open.ts";
import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import { openStore } from "../../../adapters/stores.ts";
import type { Finding } from "../../../cmd/doctor/finding.ts";
import { storeFindings } from "../../../cmd/doctor/store-findings.ts";
import { createDatabase } from "../../support/postgres-database.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { insert } from "../sqlite/fixture.ts";
import { PostgresJobs } from "./fixture.ts";

const { server, missing } = await findServer("postgres");

const findings = (jobs: object): Promise<Finding[]> =>
  storeFindings(splitConfig({ provider: "memory", jobs }, "file"));

test.each([
  [{ postgres: "mysql://app:hunter2@db/app" }],
  [{ postgres: { url: "postgres://app:hunter2@db/app", schema: "a b" } }],
  [{ postgres: { url: "postgres://app:hunter2@db/app", pool: 3 } }],
  [{ postgres: "postgres://app:hunter2@db/app", memory: true }],
])("the store %j is refused without its password", (store) => {
  const refusal = (): unknown => splitConfig({ provider: "memory", jobs: { store } }, "file");
  expect(refusal).toThrow(/jobs\.store/);
  expect(refusal).not.toThrow(/hunter2/);
});

test("a client that is no pool is refused when the store is created, with what to give", () => {
  const client = { query: async () => ({ rows: [] }) };
  expect(() => postgresJobStore({ client })).toThrow(/must be a Pool of pg.*or the url/);
});

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  const at = server?.url ?? "";
  afterAll(() => server?.close());

  test("a configuration with a URL, or with a URL and a schema, records jobs", async () => {
    const database = await createDatabase(at);
    for (const postgres of [database.url, { url: database.url, schema: "jobs_of_app" }]) {
      const store = await openStore({ postgres }, undefined);
      await store.migrate();
      await store.close();
      const config = { provider: "memory", jobs: { store: { postgres } } } as const;
      const jobs = await openJobs(config, { onWarning: () => {} });
      const { id } = await jobs.send({ type: "email", payload: 1 }, { queue: "emails" });
      expect(await jobs.get(id)).toMatchObject({ status: "queued" });
      await jobs.close();
    }
    const { rows } = await database.query(
      "SELECT (SELECT count(*) FROM queueport.job) AS one, (SELECT count(*) FROM jobs_of_app.job) AS other",
    );
    expect(rows).toEqual([{ one: "1", other: "1" }]);
    await database.drop();
  });

  test("doctor names the command for a database without tables, which stays as it is, and is ok after it", async () => {
    const database = await createDatabase(at);
    const jobs = { store: { postgres: database.url } };
    expect(await findings({ ...jobs, migrate: true })).toMatchObject([
      { level: "broken", what: expect.stringContaining("queueport migrate") },
    ]);
    const store = postgresJobStore({ url: database.url });
    await store.migrate();
    await store.close();
    expect(await findings(jobs)).toMatchObject([
      { level: "ok", what: expect.stringMatching(/^job store postgres: answered in \d+ ms$/) },
    ]);
    await database.drop();
  });

  test("a pool that was passed in is used, and left open", async () => {
    await using jobs = await PostgresJobs.create(at);
    const pool = new Pool({ connectionString: jobs.database.url, max: 2 });
    pool.on("error", () => {});
    const store = await jobs.open({ client: pool });
    await store.apply("ns", [insert("a", { createdAt: Date.now() })]);
    await store.close();
    expect((await pool.query("SELECT count(*)::int AS count FROM queueport.job")).rows).toEqual([
      { count: 1 },
    ]);
    await pool.end();
  });
});
