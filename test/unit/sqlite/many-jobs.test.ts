import { expect, test } from "vitest";
import type { JobStore, PageRequest, StoredJobFilter } from "../../../src/jobs/store/index.ts";
import { memoryJobStore } from "../../../src/jobs/store/memory-job-store.ts";
import { each, claim, end, Fixture, insert } from "./fixture.ts";

/** More than the largest chunk of a walk, and more types than indexes that are merged. */
const JOBS = 6_000;
const TYPES = 600;

const FILTERS: readonly StoredJobFilter[] = [
  {},
  { tag: "many" },
  { tag: "many", status: ["completed"] },
  { tag: "few", tenant: "acme" },
  { priority: ["high"] },
  { type: ["type-7", "type-8"] },
  { search: "user-59" },
  { search: "user-5999@", tag: "many" },
  { search: "nobody" },
  { isStalled: true },
  { tenant: "acme", createdFrom: 1_100, createdBefore: 1_900 },
];

const PAGES: readonly PageRequest[] = [
  { limit: 7, order: "newest" },
  { limit: 7, order: "oldest", offset: 5_500 },
  { limit: 7, order: "newest", after: { createdAt: 1_500, id: "job-2500" }, offset: 3 },
  { limit: 1_000, order: "oldest", after: { createdAt: 1_500, id: "job-2500" }, maxTotal: 100 },
];

test("pages of many jobs are those of the memory store, whatever way through the indexes is taken", async () => {
  await using fixture = await Fixture.create();
  const memory = memoryJobStore({ clock: fixture.clock });
  await memory.open("ns", "memory");
  const sqlite = await fixture.open();
  fixture.clock.setTime(10_000);
  const numbers = Array.from({ length: JOBS }, (_, index) => index);
  const jobs = numbers.map((index) => ({
    type: `type-${index % TYPES}`,
    createdAt: 1_000 + (index % 1_000),
    priority: index % 11 === 0 ? ("high" as const) : ("normal" as const),
    tenant: index % 3 === 0 ? "acme" : undefined,
    tags: index % 500 === 0 ? ["few"] : ["many"],
    message: { payload: { to: `user-${index}@example.com` } },
  }));
  const fill = async (store: JobStore): Promise<void> => {
    await store.apply(
      "ns",
      numbers.map((index) => insert(`job-${index}`, jobs[index])),
    );
    const first = numbers.filter((index) => index % 10 < 4);
    await store.apply(
      "ns",
      first.map((index) => claim(`job-${index}`, "t", jobs[index])),
    );
    await store.apply(
      "ns",
      first.filter((index) => index % 10 < 2).map((index) => end(`job-${index}`, "t")),
    );
  };
  await Promise.all([fill(memory), fill(sqlite)]);
  await fixture.clock.advance(31_000);

  for (const filter of FILTERS) {
    for (const page of PAGES) {
      const [expected, found] = await Promise.all(
        [memory, sqlite].map((one) => one.list("ns", filter, page)),
      );
      const ids = (one: typeof found): unknown => ({
        filter,
        page,
        ...one,
        rows: one?.rows.map(({ id }) => id),
      });
      expect(ids(found)).toEqual(ids(expected));
    }
  }
});

test("a long search lets the event loop go on", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  const createdAt = fixture.clock.now();
  const message = { payload: "x".repeat(1_000) };
  for (let from = 0; from < 2; from += 1) {
    const changes = Array.from({ length: 5_001 }, (_, index) =>
      insert(`job-${from}-${index}`, { createdAt, message }),
    );
    await store.apply("ns", changes);
  }
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const page = await store.list("ns", { search: "nothing" }, { limit: 5, order: "newest" });
  isOver = true;

  expect(page.total).toBe(0);
  expect(turns).toBeGreaterThan(1);
});

test("a search looks at a limited number of jobs, and goes on in the next call", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  const createdAt = fixture.clock.now();
  const jobs = Array.from({ length: 900 }, (_, index) =>
    insert(`job-${index + 1_000}`, {
      createdAt: createdAt + index,
      type: `type-${index % 7}`,
      message: { payload: index % 300 === 299 ? "needle" : "hay" },
    }),
  );
  await store.apply("ns", jobs);
  const seen: string[] = [];
  const sizes: number[] = [];
  let after: PageRequest["after"];
  do {
    const request: PageRequest = { limit: 5, order: "oldest", after, maxExamined: 200 };
    const page = await store.list("ns", { search: "needle" }, request);
    seen.push(...page.rows.map(({ id }) => id));
    sizes.push(page.rows.length);
    expect(page.hasMore).toBe(page.stoppedAt !== undefined);
    expect(page.isTotalCapped).toBe(true);
    after = page.stoppedAt;
  } while (after !== undefined);

  expect(seen).toEqual(["job-1299", "job-1599", "job-1899"]);
  expect(sizes.length).toBeGreaterThan(3);
  expect(sizes).toContain(0);
});

test("a deletion ends early, with more to be done, when its store is closed", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  const ids = Array.from({ length: 3_000 }, (_, index) => `job-${index}`);
  await store.apply(
    "ns",
    ids.map((id) => claim(id, "t")),
  );
  await store.apply(
    "ns",
    ids.map((id) => end(id, "t")),
  );
  await fixture.clock.advance("2h");
  const policy = { completedMs: 1, failedMs: 1, cancelledMs: 1, dataMs: 1, maxFinished: 10_000 };
  const pruned = store.prune("ns", policy, 3_000);
  await store.close();

  const { deleted, hasMore } = await pruned;
  expect(hasMore).toBe(true);
  expect(deleted).toBeLessThan(3_000);
});

test("records with other alphabets in their ids follow each other page by page", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  const createdAt = fixture.clock.now();
  // In UTF-16, the second of these is before the first; in the bytes of UTF-8 it is behind it.
  const ids = ["\uFF5E", "\u{1F600}", "a", "é"];
  await each(store, ...ids.map((id, index) => insert(id, { createdAt, type: `type-${index}` })));
  const seen: string[] = [];
  let after: PageRequest["after"];
  do {
    const { rows } = await store.list("ns", {}, { limit: 1, order: "oldest", after });
    seen.push(...rows.map(({ id }) => id));
    after = rows[0];
  } while (after !== undefined);

  expect(seen).toEqual(["a", "é", "\uFF5E", "\u{1F600}"]);
});
