import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client, Pool } from "pg";
import { afterAll, describe, expect, test, vi } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, type Jobs, type JobStore, memoryJobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { createDatabase } from "../../support/postgres-database.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "Ada" } };

/** A database of an application with a table of its own, and a job store in it. */
interface Application {
  readonly store: JobStore;
  /** Begins a transaction, and inserts the name of a user. */
  begin(
    user: string,
  ): Promise<{ readonly handle: object; readonly end: (how: "COMMIT" | "ROLLBACK") => Promise<void> }>;
  users(): Promise<string[]>;
  close(): Promise<void>;
}

async function onSqlite(): Promise<Application> {
  const directory = mkdtempSync(join(tmpdir(), "queueport-"));
  const path = join(directory, "app.db");
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE users (name TEXT)");
  return {
    store: sqliteJobStore({ path }),
    begin: async (user) => {
      database.exec("BEGIN IMMEDIATE");
      database.prepare("INSERT INTO users VALUES (?)").run(user);
      return { handle: database, end: async (how) => database.exec(how) };
    },
    users: async () =>
      database
        .prepare("SELECT name FROM users")
        .all()
        .map(({ name }) => String(name)),
    close: async () => {
      database.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function onPostgres(url: string): Promise<Application> {
  const database = await createDatabase(url);
  await database.query("CREATE TABLE users (name text)");
  return {
    store: postgresJobStore({ url: database.url }),
    begin: async (user) => {
      const client = new Client({ connectionString: database.url });
      await client.connect();
      await client.query("BEGIN");
      await client.query("INSERT INTO users VALUES ($1)", [user]);
      const end = async (how: string): Promise<void> => {
        await client.query(how);
        await client.end();
      };
      return { handle: client, end };
    },
    users: async () => (await database.query("SELECT name FROM users")).rows.map(({ name }) => String(name)),
    close: () => database.drop(),
  };
}

/** Jobs of an application over a queue in memory, whose due messages are sent. */
async function withJobs(
  application: Application,
  work: (jobs: Jobs, queue: Queue) => Promise<void>,
): Promise<void> {
  const queue = createQueue(memory());
  const jobs = await createJobs(queue, {
    store: application.store,
    queueOf: () => "jobs",
    migrate: true,
    onWarning: () => {},
  });
  const stop = new AbortController();
  const dispatched = jobs.dispatch({ signal: stop.signal });
  try {
    await work(jobs, queue);
  } finally {
    stop.abort();
    await dispatched;
    await jobs.close();
    await queue.close();
    await application.store.close();
    await application.close();
  }
}

const messages = async (queue: Queue): Promise<number> => (await queue.stats("jobs")).messages ?? 0;

const server = await findServer("postgres");
if (server.missing !== undefined) console.warn(`SKIPPED: transactions of PostgreSQL. ${server.missing}`);
afterAll(() => server.server?.close());

const databases: readonly [string, boolean, () => Promise<Application>][] = [
  ["in SQLite", false, onSqlite],
  [onServer("postgres"), server.missing !== undefined, () => onPostgres(server.server?.url ?? "")],
];

describe.each(databases)("a job that is sent in a transaction %s", (_name, isSkipped, open) => {
  test.skipIf(isSkipped)("is sent to its queue after the commit, and recorded with it", async () => {
    const application = await open();
    await withJobs(application, async (jobs, queue) => {
      const { handle, end } = await application.begin("ada");
      const job = await jobs.send(mail, { transaction: handle, tags: ["welcome"] });
      expect(await job.get()).toBeUndefined();
      await end("COMMIT");
      await vi.waitFor(async () => expect(await messages(queue)).toBe(1), { timeout: 20_000 });
      expect(await application.users()).toEqual(["ada"]);
      expect(await job.get()).toMatchObject({ status: "queued", tags: ["welcome"] });
    });
  });

  test.skipIf(isSkipped)("is never sent if the transaction is rolled back", async () => {
    const application = await open();
    await withJobs(application, async (jobs, queue) => {
      const { handle, end } = await application.begin("ada");
      const rolledBack = await jobs.send(mail, { transaction: handle });
      await end("ROLLBACK");
      const other = await application.begin("grace");
      await jobs.send(mail, { transaction: other.handle });
      await other.end("COMMIT");
      await vi.waitFor(async () => expect(await messages(queue)).toBe(1), { timeout: 20_000 });
      expect(await rolledBack.get()).toBeUndefined();
      expect(await application.users()).toEqual(["grace"]);
    });
  });

  test.skipIf(isSkipped)("keeps no other job from being recorded meanwhile, or is waited for", async () => {
    const application = await open();
    await withJobs(application, async (jobs) => {
      const { handle, end } = await application.begin("ada");
      await jobs.send({ ...mail, id: "order-1" }, { transaction: handle });
      const others = Promise.all(
        Array.from({ length: 20 }, (_, index) => jobs.send({ ...mail, id: `other-${index}` })),
      );
      // In SQLite, one transaction writes at a time.
      if (application.store.name === "postgres") await others;
      await end("COMMIT");
      for (const one of await others) expect(one).toMatchObject({ created: true });
      const again = await jobs.send({ ...mail, id: "order-1" });
      expect(again).toMatchObject({ created: false });
    });
  });
});

describe("a transaction that is none of the job store", () => {
  test.each([
    ["an object", {}, "is no database object"],
    ["a database without a transaction", new DatabaseSync(":memory:"), "has no transaction under way"],
  ])("is refused in SQLite: %s", async (_name, transaction, text) => {
    await withJobs(await onSqlite(), async (jobs) => {
      await expect(jobs.send(mail, { transaction })).rejects.toThrow(text);
    });
  });

  test("is refused in SQLite: that of another file", async () => {
    const database = new DatabaseSync(":memory:");
    database.exec("BEGIN");
    await withJobs(await onSqlite(), async (jobs) => {
      await expect(jobs.send(mail, { transaction: database })).rejects.toThrow("is of another database");
    });
  });

  test.skipIf(server.missing !== undefined)("is refused in PostgreSQL: a pool", async () => {
    const pool = new Pool();
    await withJobs(await onPostgres(server.server?.url ?? ""), async (jobs) => {
      await expect(jobs.send(mail, { transaction: pool })).rejects.toThrow("is a pool");
    });
    await pool.end();
  });

  test("is refused by a store without transactions, and a text by every store", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs({ store: memoryJobStore({ clock: fixture.clock }) });
    await expect(jobs.send(mail, { transaction: {} })).rejects.toMatchObject({ code: "not_supported" });
    await expect(jobs.send(mail, { transaction: "tx" as never })).rejects.toThrow(
      /transaction is the client/,
    );
    expect(await fixture.messages()).toEqual([]);
  });

  test("excludes an orderingKey, since the order could not be kept", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const send = jobs.send({ ...mail, orderingKey: "k" }, { transaction: {} });
    await expect(send).rejects.toMatchObject({ code: "not_supported" });
  });
});
