import { expectEqual, expectThat } from "../../../conformance/kit/expect.ts";
import type { JobRow } from "../../store/job-row.ts";
import type { JobStore } from "../../store/job-store.ts";
import { group, type JobStoreCase } from "../case.ts";
import { FINGERPRINT } from "../kit/store-context.ts";

/** Reads everything since a cursor, page by page. */
export async function readChanges(
  store: JobStore,
  namespace: string,
  from: string,
  limit: number,
): Promise<{ readonly rows: JobRow[]; readonly cursor: string }> {
  const rows: JobRow[] = [];
  let cursor = from;
  for (;;) {
    const page = await store.changedSince(namespace, cursor, limit);
    expectThat("the size of a page", page.rows.length <= limit, page.rows.length, `at most ${limit}`);
    rows.push(...page.rows);
    expectThat("the cursor", !page.hasMore || page.cursor !== cursor, page.cursor, "one that moves on");
    cursor = page.cursor;
    if (!page.hasMore) return { rows, cursor };
  }
}

/** The cursor of now. */
export async function cursorOf(store: JobStore, namespace: string): Promise<string> {
  const { rows, cursor, hasMore } = await store.changedSince(namespace, undefined, 10);
  expectEqual("rows before the first cursor", [rows.length, hasMore], [0, false]);
  return cursor;
}

export const changeFeedCases: readonly JobStoreCase[] = group("changes", [
  {
    name: "a reader sees every change since its cursor, in the order of the last changes, and none twice",
    async run({ apply, each, make, store, namespace }) {
      await apply(make.insert("before"));
      const start = await cursorOf(store, namespace);
      await apply(make.insert("a"), make.insert("b"), make.insert("c"));
      await each(make.claim("a", "t"), make.cancel("b"));
      const first = await readChanges(store, namespace, start, 2);
      expectEqual(
        "the jobs",
        first.rows.map(({ id, status }) => [id, status]),
        [
          ["c", "queued"],
          ["a", "processing"],
          ["b", "cancelled"],
        ],
      );
      expectEqual("the changes after those", (await readChanges(store, namespace, first.cursor, 2)).rows, []);
      await each(make.end("a", "t", "completed"));
      const second = await readChanges(store, namespace, first.cursor, 2);
      expectEqual(
        "the next change",
        second.rows.map(({ id, status }) => [id, status]),
        [["a", "completed"]],
      );
    },
  },
  {
    name: "a cursor that has been kept for long still shows every job that has changed since",
    async run({ apply, each, make, store, namespace }) {
      const start = await cursorOf(store, namespace);
      const ids = Array.from({ length: 300 }, (_, index) => `job-${index}`);
      for (let from = 0; from < ids.length; from += 50)
        await apply(...ids.slice(from, from + 50).map((id) => make.insert(id)));
      for (let round = 0; round < 10; round += 1)
        await each(
          make.claim("job-0", `t${round}`),
          make.end("job-0", `t${round}`, "retrying", { inMs: 0, attempt: round + 1 }),
        );
      const { rows } = await readChanges(store, namespace, start, 37);
      expectEqual(
        "the jobs",
        rows.map(({ id }) => id),
        [...ids.slice(1), "job-0"],
      );
    },
  },
  {
    name: "a change without an effect is no change for a reader",
    async run({ each, make, store, namespace }) {
      await each(make.claim("a", "t"), make.end("a", "t", "completed"));
      const start = await cursorOf(store, namespace);
      await each(make.end("a", "t", "completed"), make.insert("a"), make.cancel("a"), make.claim("a", "u"));
      expectEqual("the changes", (await readChanges(store, namespace, start, 10)).rows, []);
    },
  },
  {
    name: "listeners are called for changes, cancellations and jobs that are due, until they are removed",
    async run({ one, each, make, store, namespace, hears }) {
      const seen: string[] = [];
      const remove = store.listen(namespace, (hint, id) => seen.push(`${hint} ${id}`));
      const others: string[] = [];
      await store.open("another-namespace", FINGERPRINT);
      const removeOther = store.listen("another-namespace", (hint, id) => others.push(`${hint} ${id}`));
      await one(make.birth("a"));
      await hears("a job that is due", () => seen.includes("change a") && seen.includes("due a"));
      await each(make.claim("a", "t"), make.cancel("a"));
      await hears("a cancellation", () => seen.includes("cancel a"));
      remove();
      remove();
      seen.length = 0;
      await one(make.end("a", "t", "completed"));
      await hears("nothing any more", () => true);
      expectEqual("hints after the end", seen, []);
      expectEqual("hints of another namespace", others, []);
      removeOther();
    },
  },
]);
