import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { GroupCommit } from "../../../src/lib/sqlite/group-commit.ts";

/** Writes for `ms` in one transaction after the other, and returns the turns of the event loop between two of them. */
async function turnsBetween(isShared: boolean, transactions: number, ms: number): Promise<number[]> {
  using database = new DatabaseSync(":memory:");
  const changes = new GroupCommit(database, { isShared: () => isShared, sliceMs: 0 });
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const seen: number[] = [];
  for (let index = 0; index < transactions; index += 1)
    changes.add({
      run: () => {
        seen.push(turns);
        const until = performance.now() + ms;
        while (performance.now() < until);
        return true;
      },
      committed: () => undefined,
      failed: () => undefined,
    });
  await changes.idle();
  isOver = true;
  return seen.slice(1).map((at, index) => at - (seen[index] ?? 0));
}

test("a process that writes all the time leaves gaps in which another one finds the file unlocked", async () => {
  const turns = await turnsBetween(true, 12, 10);
  // In a gap, the event loop turns freely.
  expect(turns.filter((count) => count > 5).length).toBeGreaterThanOrEqual(3);
});

test("a process that writes alone leaves no gaps", async () => {
  const turns = await turnsBetween(false, 12, 10);
  expect(turns.filter((count) => count > 5)).toEqual([]);
});

test("a change that is committed is not repeated, and does not fail, if what follows the commit throws", async () => {
  using database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE runs (run)");
  // As SQLite words a lock, for which a transaction is repeated.
  const locked = Object.assign(new Error("database table is locked"), { errcode: 6 });
  const thrown: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => {
    thrown.push(error);
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  const changes = new GroupCommit(database, {
    ended: () => {
      throw locked;
    },
  });
  const outcomes: string[] = [];
  changes.add({
    run: () => {
      database.exec("INSERT INTO runs VALUES (1)");
      return true;
    },
    committed: () => outcomes.push("committed"),
    failed: () => outcomes.push("failed"),
  });
  await changes.idle();
  await new Promise(setImmediate);
  expect(outcomes).toEqual(["committed"]);
  expect(database.prepare("SELECT count(*) AS count FROM runs").get()).toEqual({ count: 1 });
  expect(thrown).toEqual([locked]);
});
