import { spawnSync } from "node:child_process";
import { existsSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test, vi } from "vitest";
import { Checkpointer } from "../../../src/lib/sqlite/checkpointer.ts";
import { Fixture } from "./fixture.ts";

/** Bytes of one transaction of these tests. */
const ROW_BYTES = 100_000;

/** A database in WAL mode, with a function that commits about 100 KB. */
function open(path: string): { readonly database: DatabaseSync; readonly commit: () => void } {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 2000");
  database.exec("CREATE TABLE IF NOT EXISTS rows (row BLOB)");
  const insert = database.prepare("INSERT INTO rows VALUES (zeroblob(?))");
  return { database, commit: () => insert.run(ROW_BYTES) };
}

const autocheckpoint = (database: DatabaseSync): unknown =>
  database.prepare("PRAGMA wal_autocheckpoint").get()?.["wal_autocheckpoint"];

/** Commits until something holds. Lets the event loop go on, as the writes of a store do. */
async function commitUntil(
  { commit }: ReturnType<typeof open>,
  checkpointer: Checkpointer,
  holds: () => boolean,
): Promise<number> {
  let commits = 0;
  for (; commits < 4_000 && !holds(); commits += 1) {
    commit();
    checkpointer.committed();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return commits;
}

test("a long log is moved into the file on a thread, and begins anew", async () => {
  await using fixture = await Fixture.create();
  const file = open(fixture.path);
  const checkpointer = new Checkpointer(file.database, fixture.path);
  const fileBytes = (): number => statSync(fixture.path).size;
  const logBytes = (): number => statSync(`${fixture.path}-wal`).size;
  const commits = await commitUntil(file, checkpointer, () => fileBytes() > 120_000_000);

  // SQLite no longer moves a page within a commit, unless the thread lags behind.
  expect(autocheckpoint(file.database)).toBe(16_000);
  expect(commits).toBeLessThan(4_000);
  // Otherwise the log would be as long as the file.
  expect(logBytes()).toBeLessThan(0.8 * fileBytes());
  await checkpointer.close();
  file.database.close();
  expect(existsSync(`${fixture.path}-wal`)).toBe(false);
  const rows = open(fixture.path).database.prepare("SELECT count(*) AS count FROM rows").get();
  expect(rows).toEqual({ count: commits });
});

test("a process that writes little starts no thread", async () => {
  await using fixture = await Fixture.create();
  const file = open(fixture.path);
  const checkpointer = new Checkpointer(file.database, fixture.path);
  for (let commit = 0; commit < 5; commit += 1) {
    file.commit();
    checkpointer.committed();
  }
  expect(autocheckpoint(file.database)).toBe(2_000);
  await checkpointer.close();
  file.database.close();
});

test("a thread that cannot open the file creates none, and SQLite moves the pages again", async () => {
  await using fixture = await Fixture.create();
  const file = open(fixture.path);
  const checkpointer = new Checkpointer(file.database, fixture.path);
  for (let commit = 0; commit < 90; commit += 1) file.commit();
  unlinkSync(fixture.path);
  checkpointer.committed();
  await vi.waitFor(() => expect(autocheckpoint(file.database)).toBe(2_000), { timeout: 20_000 });
  expect(existsSync(fixture.path)).toBe(false);
  await checkpointer.close();
  file.database.close();
});

test("an error of a checkpoint is none of the commit before it", async () => {
  await using fixture = await Fixture.create();
  const file = open(fixture.path);
  const checkpointer = new Checkpointer(file.database, fixture.path);
  for (let commit = 0; commit < 90; commit += 1) file.commit();
  // The log stays, since somebody else has the file open.
  using other = open(fixture.path).database;
  other.exec("SELECT * FROM rows");
  file.database.close();
  expect(() => checkpointer.committed()).not.toThrow();
  await checkpointer.close();
});

test("the thread does not keep a process alive, whose store was not closed, and loads nothing of its own", async () => {
  await using fixture = await Fixture.create();
  const source = `
    import { statSync } from "node:fs";
    import { setTimeout } from "node:timers/promises";
    import { DatabaseSync } from "node:sqlite";
    import { Checkpointer } from ${JSON.stringify(new URL("../../../src/lib/sqlite/checkpointer.ts", import.meta.url).href)};
    const database = new DatabaseSync(${JSON.stringify(fixture.path)});
    database.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE rows (row BLOB)");
    const checkpointer = new Checkpointer(database, ${JSON.stringify(fixture.path)});
    database.exec("INSERT INTO rows VALUES (zeroblob(9000000))");
    checkpointer.committed();
    console.log(database.prepare("PRAGMA wal_autocheckpoint").get().wal_autocheckpoint);
    // The thread is at work, and its warnings have arrived.
    while (statSync(${JSON.stringify(fixture.path)}).size < 9_000_000) await setTimeout(5);
    await setTimeout(100);
  `;
  /** The option that makes Node load a module first, which prints `text`. */
  const preload = (text: string): string => {
    const path = join(fixture.directory, `${text}.mjs`);
    writeFileSync(path, `import { writeSync } from "node:fs"; writeSync(2, "${text}\\n");`);
    return `--import=${path}`;
  };
  const child = spawnSync(process.execPath, [preload("flag"), "--input-type=module", "-e", source], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, NODE_OPTIONS: preload("variable") },
  });
  expect({ stdout: child.stdout, status: child.status }).toEqual({ stdout: "16000\n", status: 0 });
  expect(child.stderr.match(/^(?:flag|variable)$/gm)).toHaveLength(2);
  expect(child.stderr.match(/ExperimentalWarning/g) ?? []).not.toHaveLength(2);
});
