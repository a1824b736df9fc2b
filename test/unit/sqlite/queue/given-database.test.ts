import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { SqliteDatabase } from "../../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../../src/client/create-queue.ts";
import { outgoing, QueueFixture, send } from "./fixture.ts";

/**
 * A database of `node:sqlite` with the members that better-sqlite3 has: `inTransaction`, no numbered parameters, and errors
 * with a name.
 */
function likeBetterSqlite(database: DatabaseSync): SqliteDatabase {
  const named = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      const { errcode, message } = error as { readonly errcode?: number; readonly message: string };
      throw errcode === 5 ? Object.assign(new Error(message), { code: "SQLITE_BUSY" }) : error;
    }
  };
  return {
    exec: (sql) => named(() => database.exec(sql)),
    prepare(sql) {
      if (/\?\d/.test(sql)) throw new RangeError("Too many parameter values were provided");
      const statement = database.prepare(sql);
      return {
        all: (...values) => named(() => statement.all(...values)),
        get: (...values) => named(() => statement.get(...values)),
        run: (...values) => named(() => statement.run(...values)),
      };
    },
    get inTransaction() {
      return database.isTransaction;
    },
  };
}

test.each(["node:sqlite", "better-sqlite3"])(
  "a database of %s is used for everything, and stays open",
  async (kind) => {
    await using fixture = await QueueFixture.create();
    const own = new DatabaseSync(fixture.path);
    own.exec("PRAGMA journal_mode = WAL; CREATE TABLE users (name TEXT)");
    const database = kind === "node:sqlite" ? own : likeBetterSqlite(own);
    const driver = fixture.driver({ database, dedupWindowMs: "1m" });
    const queue = createQueue(driver);
    await queue.ensure("q", { ordering: "by_key" });
    for (let index = 0; index < 3; index += 1)
      await queue.send("q", { type: "keyed", payload: index, orderingKey: "k" });
    const { handle } = await queue.sendDelayed("q", { type: "later", payload: null }, "1h", {
      cancellable: true,
    });
    expect(await queue.cancel(handle!)).toBe(true);
    expect(await queue.stats("q")).toMatchObject({ messages: 3, delayed: 0, approximate: false });
    const types: string[] = [];
    const stop = new AbortController();
    await queue.receive(
      "q",
      ({ type, payload }) => {
        types.push(`${type} ${String(payload)}`);
        if (types.length === 3) stop.abort();
      },
      { signal: stop.signal, onEvent: () => {} },
    );
    expect(types).toEqual(["keyed 0", "keyed 1", "keyed 2"]);
    await queue.close();
    expect(own.isOpen).toBe(true);
    own.close();
  },
);

test.each(["node:sqlite", "better-sqlite3"])(
  "a transaction on the given database of %s contains its sends, and other requests wait until it ends",
  async (kind) => {
    await using fixture = await QueueFixture.create();
    const own = new DatabaseSync(fixture.path);
    own.exec("PRAGMA journal_mode = WAL; CREATE TABLE users (name TEXT)");
    const database = kind === "node:sqlite" ? own : likeBetterSqlite(own);
    const queue = createQueue(fixture.driver({ database }));
    await queue.ensure("q");
    own.exec("BEGIN; INSERT INTO users VALUES ('ada')");
    await queue.send("q", { type: "inside", payload: 1 }, { transaction: database });
    let isSent = false;
    const outside = queue.send("q", { type: "outside", payload: 2 }).then(() => (isSent = true));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isSent).toBe(false);
    own.exec("ROLLBACK");
    await outside;
    expect(await queue.stats("q")).toMatchObject({ messages: 1 });
    expect(own.prepare("SELECT * FROM users").all()).toEqual([]);
    await queue.close();
    own.close();
  },
);

test("a database without a transaction, or with another file, is refused as a transaction", async () => {
  await using fixture = await QueueFixture.create();
  const driver = fixture.driver();
  await send(driver, "a");
  const refused = (database: object): Promise<unknown> =>
    driver.send("q", [outgoing("b")], new AbortController().signal, { transaction: database });
  const idle = new DatabaseSync(fixture.path);
  await expect(refused(idle)).rejects.toMatchObject({
    kind: "permanent",
    message: expect.stringContaining("BEGIN IMMEDIATE"),
  });
  const other = new DatabaseSync(`${fixture.directory}/other.db`);
  other.exec("BEGIN");
  await expect(refused(other)).rejects.toMatchObject({
    kind: "permanent",
    message: expect.stringMatching(/other\.db, and the queues are in .*queues\.db/),
  });
  other.exec("ROLLBACK");
  const memory = new DatabaseSync(":memory:");
  memory.exec("BEGIN");
  await expect(refused(memory)).rejects.toMatchObject({ kind: "permanent" });
  for (const database of [idle, other, memory]) database.close();
  expect(await driver.stats("q")).toMatchObject({ ready: 1 });
});

test("a commit on the given database wakes a receiver, although it announces nothing", async () => {
  await using fixture = await QueueFixture.create();
  const database = new DatabaseSync(fixture.path);
  database.exec("PRAGMA journal_mode = WAL");
  const queue = createQueue(fixture.driver({ database }));
  await queue.ensure("q");
  const stop = new AbortController();
  let receivedAt = 0;
  const receiving = queue.receive(
    "q",
    () => {
      receivedAt = performance.now();
      stop.abort();
    },
    { signal: stop.signal, onEvent: () => {} },
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  database.exec("BEGIN");
  await queue.send("q", { type: "a", payload: 1 }, { transaction: database });
  database.exec("COMMIT");
  const committedAt = performance.now();
  await receiving;
  // The pause without a wake-up is a second. The bound leaves room for a busy machine.
  expect(receivedAt - committedAt).toBeLessThan(500);
  await queue.close();
  database.close();
});
