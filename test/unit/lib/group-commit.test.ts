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
