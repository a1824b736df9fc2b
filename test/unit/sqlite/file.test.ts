import { randomBytes } from "node:crypto";
import { mkdir, open, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import type { ErrorCode } from "../../../src/errors.ts";
import { each, end, claim, Fixture, insert } from "./fixture.ts";

/** An error with this code and these words. */
const refusal = (code: ErrorCode, ...words: string[]): unknown =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(words.map((word) => word.replaceAll(/[.()]/g, "\\$&")).join(".*")),
  });

/** Makes a store, and cuts its file off, as a copy does that was broken off. */
async function cutOff(path: string, bytes = 60_000): Promise<void> {
  const store = sqliteJobStore({ path });
  await store.migrate();
  await store.close();
  await truncate(path, bytes);
}

/** Overwrites the first page of a table. */
async function damage(path: string, table: string): Promise<void> {
  const database = new DatabaseSync(path);
  const { page } = database
    .prepare("SELECT rootpage AS page FROM sqlite_schema WHERE name = ?")
    .get(table) as { readonly page: number };
  database.close();
  await using file = await open(path, "r+");
  await file.write(Buffer.alloc(4_096, "Z"), 0, 4_096, (page - 1) * 4_096);
}

describe("a job store in SQLite", () => {
  test("creates its file and folder by migrate, which does nothing the second time", async () => {
    await using fixture = await Fixture.create();
    const path = join(fixture.directory, "new/jobs.db");
    const store = fixture.store(path);

    expect(await store.migrate()).toEqual({ from: 0, to: 1 });
    expect(await store.migrate()).toEqual({ from: 1, to: 1 });
    await store.open("ns", "memory");
    await store.apply("ns", [insert("a", { createdAt: fixture.clock.now() })]);
    for (const suffix of ["", "-wal"]) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
    expect((await stat(join(fixture.directory, "new"))).mode & 0o777).toBe(0o700);
  });

  test("is migrated by ten processes at once", async () => {
    await using fixture = await Fixture.create();
    const stores = Array.from({ length: 10 }, () => fixture.store());
    const outcomes = await Promise.all(stores.map((store) => store.migrate()));

    expect(outcomes.filter(({ from }) => from === 0)).toHaveLength(1);
    await Promise.all(stores.map((store) => store.open("ns", "memory")));
  });

  test("refuses options and paths that it cannot use, and does not show the address of another database", () => {
    expect(() => sqliteJobStore({ path: "" })).toThrow(refusal("config", "needs the path of a file"));
    expect(() => sqliteJobStore({ path: "postgres://me:hunter2@db/jobs" })).toThrow(
      expect.objectContaining({ code: "config", message: expect.not.stringContaining("hunter2") }) as Error,
    );
    const misspelt = { path: "jobs.db", clocks: 1 };
    expect(() => sqliteJobStore(misspelt)).toThrow(refusal("invalid_options", "did you mean clock?"));
  });

  test("is refused by open, and not created, while its file does not exist", async () => {
    await using fixture = await Fixture.create();

    await expect(fixture.store().open("ns", "memory")).rejects.toEqual(
      refusal("config", "does not exist", "queueport migrate", "migrate: true"),
    );
    await expect(stat(fixture.path)).rejects.toThrow("ENOENT");
  });

  test("is refused by open while its file has no schema, and can be opened afterwards", async () => {
    await using fixture = await Fixture.create();
    new DatabaseSync(fixture.path).close();
    const store = fixture.store();

    await expect(store.open("ns", "memory")).rejects.toEqual(
      refusal("config", "has no schema", "queueport migrate", "migrate: true"),
    );
    await store.migrate();
    await store.open("ns", "memory");
    expect(await store.counts("ns")).toEqual([]);
  });

  test("is refused if its schema is newer, with the version of the program that it needs", async () => {
    await using fixture = await Fixture.create();
    const store = await fixture.open();
    await store.close();
    const other = new DatabaseSync(fixture.path);
    other.exec("UPDATE queueport_meta SET value = 9 WHERE name = 'version'");
    other.exec("UPDATE queueport_meta SET value = '7.1.0' WHERE name = 'since'");
    other.close();

    const newer = refusal("config", "queueport 7.1.0 or later (schema 9; this program knows 1)");
    await expect(fixture.store().open("ns", "memory")).rejects.toEqual(newer);
    await expect(fixture.store().migrate()).rejects.toEqual(newer);
  });

  test("keeps the tables of an application that are in the same file", async () => {
    await using fixture = await Fixture.create();
    const other = new DatabaseSync(fixture.path);
    other.exec("CREATE TABLE jobs (a); INSERT INTO jobs VALUES (1)");
    const store = await fixture.open();
    await store.apply("ns", [insert("a", { createdAt: fixture.clock.now() })]);

    expect(other.prepare("SELECT count(*) AS count FROM jobs").get()).toEqual({ count: 1 });
    other.close();
  });

  test.each([
    ["a folder", (path: string) => mkdir(path), "no regular file"],
    ["no database", (path: string) => writeFile(path, "not a database ".repeat(1_000)), "no SQLite database"],
    ["noise", (path: string) => writeFile(path, randomBytes(5_000)), "no SQLite database, or it is damaged"],
    ["a database that was cut off", cutOff, "no SQLite database, or it is damaged"],
    ["the first bytes of a database", (path: string) => cutOff(path, 50), "no SQLite database"],
    ["a symbolic link", (path: string) => symlink("/dev/null", path), "a symbolic link"],
  ])("refuses a path that is %s, by open and by migrate", async (_, arrange, words) => {
    await using fixture = await Fixture.create();
    await arrange(fixture.path);

    await expect(fixture.store().open("ns", "memory")).rejects.toEqual(refusal("config", words));
    await expect(fixture.store().migrate()).rejects.toEqual(refusal("config", words));
  });

  test("refuses a namespace that belongs to other queues, and names these", async () => {
    await using fixture = await Fixture.create();
    await fixture.open("prod");

    await expect(fixture.store().open("prod", "sqs 123 eu-west-1")).rejects.toEqual(
      refusal("config", '"prod"', "belongs to other queues (memory)"),
    );
  });

  test("refuses a namespace that was not opened", async () => {
    await using fixture = await Fixture.create();
    const store = await fixture.open();

    await expect(store.get("another", ["a"])).rejects.toEqual(refusal("config", '"another"', "Call open"));
  });

  test.each(["deleted", "replaced"])("reports each call once its file was %s", async (change) => {
    await using fixture = await Fixture.create();
    const store = await fixture.open();
    await rm(fixture.path);
    if (change === "replaced") await writeFile(fixture.path, "");

    const unavailable = expect.objectContaining({
      code: "store_unavailable",
      retryable: true,
      message: expect.stringContaining("was deleted or replaced"),
    }) as unknown;
    await expect(store.apply("ns", [insert("a")])).rejects.toEqual(unavailable);
    await expect(store.get("ns", ["a"])).rejects.toEqual(unavailable);
    await expect(store.takeDue("ns", { limit: 1, takenMs: 1 })).rejects.toEqual(unavailable);
    // By which an outage would be over.
    await expect(store.now()).rejects.toEqual(unavailable);
  });

  test("gives no sign of life once its file was found to be damaged", async () => {
    await using fixture = await Fixture.create();
    const store = await fixture.open();
    await store.apply("ns", [insert("a", { createdAt: fixture.clock.now() })]);
    await store.close();
    await damage(fixture.path, "queueport_jobs");
    const damaged = fixture.store();
    await damaged.open("ns", "memory");

    expect(await damaged.now()).toBe(fixture.clock.now());
    const refused = refusal("store_unavailable", "the file is damaged. Stop the processes", "restore a copy");
    await expect(damaged.get("ns", ["a"])).rejects.toEqual(refused);
    await expect(damaged.now()).rejects.toEqual(refused);
    await expect(damaged.now()).rejects.toMatchObject({ retryable: false });
  });

  test("writes what was asked for before it is closed, and refuses calls afterwards", async () => {
    await using fixture = await Fixture.create();
    const store = await fixture.open();
    const applied = store.apply("ns", [claim("a", "t")]);
    const closed = store.close();

    await expect(store.get("ns", ["a"])).rejects.toEqual(refusal("closed", "is closed"));
    expect(await applied).toMatchObject([{ do: "run" }]);
    await closed;
    await store.close();
    const again = await fixture.open();
    expect(await again.get("ns", ["a"])).toMatchObject([{ row: { status: "processing" } }]);
  });

  test("keeps its records in the process if its path is :memory:", async () => {
    await using fixture = await Fixture.create();
    const store = fixture.store(":memory:");
    expect(store.capabilities).toMatchObject({ durable: false, shared: false });
    await expect(store.open("ns", "memory")).rejects.toEqual(refusal("config", "has no schema"));
    await store.migrate();
    await store.open("ns", "memory");
    await each(store, claim("a", "t"), end("a", "t"));

    expect(await store.get("ns", ["a"])).toMatchObject([{ row: { status: "completed" } }]);
  });
});

test("a place in the changes that a restored copy does not reach is refused", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  await store.apply("ns", [insert("a", { createdAt: fixture.clock.now() })]);
  const { cursor } = await store.changedSince("ns", undefined, 10);
  expect(await store.changedSince("ns", cursor, 10)).toMatchObject({ rows: [], cursor });
  const later = String(Number(cursor) + 1);
  await expect(store.changedSince("ns", later, 10)).rejects.toMatchObject({ code: "invalid_options" });
});
