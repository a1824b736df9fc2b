import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { claim, each, end, Fixture, insert } from "./fixture.ts";

/** Holds the write lock of a file until the returned function is called. */
function lock(path: string): () => void {
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  return () => {
    other.exec("ROLLBACK");
    other.close();
  };
}

test("calls wait for the lock of another process without holding up the event loop, and reads do not wait", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  await each(store, claim("a", "t"));
  const release = lock(fixture.path);
  let isDone = false;
  const applied = store.apply("ns", [end("a", "t")]).then(() => (isDone = true));
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));

  expect(await store.get("ns", ["a"])).toMatchObject([{ row: { status: "processing" } }]);
  expect(isDone).toBe(false);
  release();
  await applied;
  expect(await store.get("ns", ["a"])).toMatchObject([{ row: { status: "completed" } }]);
});

test("the value that cannot be written fails its own call, and no other of the transaction", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  const createdAt = fixture.clock.now();
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const results = await Promise.allSettled([
    store.apply("ns", [insert("a", { createdAt })]),
    store.apply("ns", [insert("b", { createdAt, message: { payload: cyclic as never } })]),
    store.apply("ns", [insert("c", { createdAt: Number.NaN })]),
    store.apply("ns", [insert("d", { createdAt })]),
  ]);

  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  expect(results[1]).toMatchObject({ reason: { code: "invalid_message", retryable: false } });
  const found = await store.get("ns", ["a", "b", "c", "d"]);
  expect(found.map((job) => job?.row.id)).toEqual(["a", undefined, undefined, "d"]);
  expect(await store.counts("ns")).toEqual([{ queue: "emails", type: "email", status: "queued", count: 2 }]);
});

test("changes of one call are sliced into transactions, and each is answered in its place", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  const ids = Array.from({ length: 2_000 }, (_, index) => `job-${index}`);
  const answers = await store.apply(
    "ns",
    ids.map((id) => claim(id, `t-${id}`)),
  );

  expect(answers.map((answer) => answer.do)).toEqual(ids.map(() => "run"));
  expect(await store.counts("ns")).toMatchObject([{ status: "processing", count: 2_000 }]);
});

test("a job is given to one of two processes, and each sees what the other has written", async () => {
  await using fixture = await Fixture.create();
  const [one, other] = [await fixture.open(), await fixture.open()];
  const ids = Array.from({ length: 200 }, (_, index) => `job-${index}`);
  const claims = await Promise.all(
    [one, other].map((store, index) =>
      Promise.all(ids.map(async (id) => (await store.apply("ns", [claim(id, `${index} ${id}`)]))[0]?.do)),
    ),
  );

  expect(ids.map((_, at) => claims.filter((answers) => answers[at] === "run").length)).toEqual(
    ids.map(() => 1),
  );
  expect(await other.get("ns", ["job-0"])).toMatchObject([{ row: { status: "processing" } }]);
});

test("a caller that reads until it finds a change lets it be written", async () => {
  await using fixture = await Fixture.create();
  const store = await fixture.open();
  let isApplied = false;
  void store.apply("ns", [claim("a", "t")]).then(() => (isApplied = true));
  let reads = 0;
  while (!isApplied) {
    await store.get("ns", ["a"]);
    reads += 1;
    expect(reads).toBeLessThan(1_000);
  }
});
