import { mkdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { sqlite, sqliteJobStore } from "../../../../adapters/sqlite/index.ts";
import { mountType } from "../../../../adapters/sqlite/queue/file-system.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { ack, bodies, never, outgoing, QueueFixture, release, send } from "./fixture.ts";

const refusal = (kind: string, ...words: string[]): unknown =>
  expect.objectContaining({
    kind,
    message: expect.stringMatching(words.map((word) => word.replaceAll(/[.()]/g, "\\$&")).join(".*")),
  });

test("a driver refuses options that it cannot use, and does not show the address of another database", () => {
  const config = (words: string): unknown =>
    expect.objectContaining({ code: "config", message: expect.stringContaining(words) });
  expect(() => sqlite({})).toThrow(config("needs the path of a file"));
  expect(() => sqlite({ path: "postgres://me:hunter2@db/q" })).toThrow(
    expect.objectContaining({ code: "config", message: expect.not.stringContaining("hunter2") }) as Error,
  );
  expect(() => sqlite({ path: "q.db", database: new DatabaseSync(":memory:") })).toThrow(config("not both"));
  expect(() => sqlite({ database: {} as never })).toThrow(config("open database"));
  expect(() => sqlite({ path: "q.db", synchronous: "off" as never })).toThrow(config('"full"'));
  expect(() => sqlite({ path: "q.db", dedupWindowMs: -1 })).toThrow(config("dedupWindowMs"));
  expect(() => sqlite({ path: "q.db", maxMessageBytes: 5 })).toThrow(config("maxMessageBytes"));
});

test("the file and its folder are created by the first request, for this user alone", async () => {
  await using fixture = await QueueFixture.create();
  const path = `${fixture.directory}/new/queues.db`;
  const driver = fixture.driver({ path });
  await expect(stat(path)).rejects.toThrow("ENOENT");
  await send(driver, "a");
  for (const suffix of ["", "-wal"]) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
});

test.each([
  ["a folder", (path: string) => mkdir(path), "no regular file"],
  ["no database", (path: string) => writeFile(path, "no database ".repeat(1_000)), "no SQLite database"],
  ["a symbolic link", (path: string) => symlink("/dev/null", path), "a symbolic link"],
])("a path that is %s is refused, and usable once that is repaired", async (_, arrange, words) => {
  await using fixture = await QueueFixture.create();
  await arrange(fixture.path);
  const driver = fixture.driver();
  await expect(driver.describe("q")).rejects.toEqual(refusal("permanent", fixture.path, words));
  await rm(fixture.path, { recursive: true });
  await send(driver, "a");
  expect(await driver.stats("q")).toMatchObject({ ready: 1 });
});

test("a file of a newer version is refused, with the version that it needs", async () => {
  await using fixture = await QueueFixture.create();
  await send(fixture.driver(), "a");
  const other = new DatabaseSync(fixture.path);
  other.exec("UPDATE queueport_queue_meta SET value = 9 WHERE name = 'version'");
  other.exec("UPDATE queueport_queue_meta SET value = '7.1.0' WHERE name = 'since'");
  other.close();
  await expect(send(fixture.driver(), "b")).rejects.toEqual(
    refusal("permanent", "queueport 7.1.0 or later (schema 9; this program knows 1)"),
  );
});

test("ten drivers create the schema at the same time", async () => {
  await using fixture = await QueueFixture.create();
  await Promise.all(Array.from({ length: 10 }, (_, index) => send(fixture.driver(), `${index}`)));
  expect(await fixture.driver().stats("q")).toMatchObject({ ready: 10 });
});

test("queues and a job store are in one file, in either order", async () => {
  await using fixture = await QueueFixture.create();
  await send(fixture.driver(), "a");
  const store = sqliteJobStore({ path: fixture.path });
  await store.migrate();
  await store.open("ns", "memory");
  expect(await store.counts("ns")).toEqual([]);
  await store.close();

  await using other = await QueueFixture.create();
  const first = sqliteJobStore({ path: other.path });
  await first.migrate();
  await send(other.driver(), "a");
  expect(await other.driver().stats("q")).toMatchObject({ ready: 1 });
  await first.close();
});

test("a file that was deleted or replaced is reported, and nothing is written into a file that nobody sees", async () => {
  await using fixture = await QueueFixture.create();
  const driver = fixture.driver();
  await send(driver, "a");
  await rename(fixture.path, `${fixture.path}.old`);
  await expect(send(driver, "b")).rejects.toEqual(refusal("permanent", "deleted or replaced", "restart"));
});

test("a request waits for the lock of another process without blocking the event loop", async () => {
  await using fixture = await QueueFixture.create();
  const driver = fixture.driver();
  await send(driver, "a");
  const other = new DatabaseSync(fixture.path);
  other.exec("BEGIN IMMEDIATE");
  let isSent = false;
  const sending = send(driver, "b").then(() => (isSent = true));
  let turns = 0;
  const until = performance.now() + 60;
  while (performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    turns += 1;
  }
  expect(isSent).toBe(false);
  // SQLite itself would have waited inside of one call.
  expect(turns).toBeGreaterThan(5);
  // Counts do not wait.
  expect(await driver.stats("q")).toMatchObject({ ready: 1 });
  other.exec("ROLLBACK");
  other.close();
  await sending;
  expect(await driver.stats("q")).toMatchObject({ ready: 2 });
});

test("an aborted send rejects at once, also while the file is locked", async () => {
  await using fixture = await QueueFixture.create();
  const driver = fixture.driver();
  await send(driver, "a");
  const other = new DatabaseSync(fixture.path);
  other.exec("BEGIN IMMEDIATE");
  const abort = new AbortController();
  const sending = driver.send("q", [outgoing("b")], abort.signal);
  abort.abort(new Error("enough"));
  await expect(sending).rejects.toEqual(refusal("ambiguous", "aborted"));
  other.exec("ROLLBACK");
  other.close();
});

test("numbers are never used again, so a late acknowledgement finds no other message", async () => {
  await using fixture = await QueueFixture.create();
  const driver = fixture.driver();
  const source = driver.open("q", { prefetch: 1, leaseMs: 30_000 });
  await send(driver, "a");
  const [delivery] = await source.next(1, never);
  await source.settle([ack(delivery!)]);
  await send(driver, "b");
  expect(await source.settle([ack(delivery!)])).toEqual([{ ok: true }]);
  expect(await driver.stats("q")).toMatchObject({ ready: 1 });
  expect(bodies(await source.next(1, never))).toEqual(["b"]);
  await source.close();
});

test("a dropped queue leaves nothing in the file, and another process that used it starts anew", async () => {
  await using fixture = await QueueFixture.create();
  const [driver, other] = [fixture.driver({ dedupWindowMs: "1m" }), fixture.driver()];
  await driver.admin.ensure("q", { ordering: "by_key", brokerMaxDeliveries: 9, leaseMs: 1_000 });
  await send(driver, "plain", outgoing("keyed", { orderingKey: "k" }));
  await send(other, "of another process");
  await driver.admin.drop("q");
  const file = new DatabaseSync(fixture.path);
  for (const table of ["queue", "message", "key_queue", "seen"])
    expect([table, file.prepare(`SELECT * FROM queueport_${table}`).all()]).toEqual([table, []]);
  file.close();
  await send(other, "later");
  expect(await driver.stats("q")).toMatchObject({ ready: 1, inFlight: 0, delayed: 0 });
});

test("ensure and plan tell what they change, and an ordered queue cannot lose its order", async () => {
  await using fixture = await QueueFixture.create();
  const { admin } = fixture.driver();
  const spec = { brokerMaxDeliveries: 9, leaseMs: 1_000 };
  const plan = async (ordering: "none" | "by_key", of = admin): Promise<unknown[]> =>
    (await of.plan!("q", { ...spec, ordering })).map(({ kind, resource, setting, from, to }) =>
      [kind, resource, setting, from, to].filter(Boolean).join(" "),
    );
  expect(await plan("none")).toEqual(["create queue q", "create queue q-dlq", "create queue q-delay"]);
  await admin.ensure("q", { ...spec, ordering: "none" });
  expect(await plan("none")).toEqual([]);
  expect(await plan("by_key")).toEqual(["change queue q ordering none by_key"]);
  await admin.ensure("q", { ...spec, ordering: "by_key" });
  expect(await plan("none")).toEqual(["conflict queue q ordering by_key none"]);
  await expect(admin.ensure("q", { ...spec, ordering: "none" })).rejects.toEqual(
    refusal("permanent", "drop the queue first"),
  );
  const withWindow = fixture.driver({ dedupWindowMs: "5m" }).admin;
  expect(await plan("by_key", withWindow)).toEqual(["change queue q dedupWindowMs 0 300000"]);
});

test("a message with a repeated id is absorbed within the window, and has the number of the first", async () => {
  await using fixture = await QueueFixture.create();
  const clock = new FakeClock();
  const driver = fixture.driver({ clock, dedupWindowMs: 10_000 });
  const [first, second] = await send(
    driver,
    outgoing("a", { dedupId: "x" }),
    outgoing("b", { dedupId: "x" }),
  );
  expect(second).toEqual(first);
  await clock.advance(9_999);
  expect(await send(driver, outgoing("c", { dedupId: "x" }))).toEqual([first]);
  await clock.advance(1);
  expect(await send(driver, outgoing("d", { dedupId: "x" }))).not.toEqual([first]);
  expect(await driver.stats("q")).toMatchObject({ ready: 2 });
});

test("ids that were seen are forgotten after the window", async () => {
  await using fixture = await QueueFixture.create();
  const clock = new FakeClock();
  const driver = fixture.driver({ clock, dedupWindowMs: 10_000 });
  for (let round = 0; round < 5; round += 1) {
    await send(driver, ...Array.from({ length: 20 }, (_, index) => `${round}-${index}`));
    await clock.advance(10_001);
  }
  await send(driver, "last");
  const file = new DatabaseSync(fixture.path);
  expect(file.prepare("SELECT count(*) AS n FROM queueport_seen").get()).toEqual({ n: 19 });
  file.close();
});

test("a claim reads neither delayed messages nor those of other queues", async () => {
  await using fixture = await QueueFixture.create();
  await send(fixture.driver(), "a");
  const file = new DatabaseSync(fixture.path);
  const plan = file
    .prepare(
      "EXPLAIN QUERY PLAN SELECT id FROM queueport_message WHERE queue = 1 AND priority = 1 AND key_queue IS NULL AND visible_at <= 5 ORDER BY visible_at, id LIMIT 10",
    )
    .all() as { readonly detail: string }[];
  file.close();
  expect(plan.map(({ detail }) => detail)).toEqual([
    "SEARCH queueport_message USING INDEX queueport_message_claim (queue=? AND priority=? AND visible_at<?)",
  ]);
});

test("a cancelled message is not delivered, and a delivered one is not cancelled", async () => {
  await using fixture = await QueueFixture.create();
  const driver = fixture.driver();
  const [sent] = await send(driver, outgoing("a", { delayMs: 60_000, cancellable: true }));
  const handle = sent!.ok ? sent!.handle! : "";
  expect([await driver.cancel!(handle), await driver.cancel!(handle)]).toEqual([true, false]);
  await expect(driver.cancel!("postgres-1")).rejects.toEqual(refusal("permanent", "was not returned"));

  const [next] = await send(driver, outgoing("b", { cancellable: true }));
  const source = driver.open("q", { prefetch: 1, leaseMs: 30_000 });
  const [delivery] = await source.next(1, never);
  // A retry waits like a delayed message, and is none.
  await source.settle([release(delivery!, 60_000)]);
  expect(await driver.cancel!(next!.ok ? next!.handle! : "")).toBe(false);
  await source.close();
});

test("the mount of a path is the longest one, and the last one of a place", () => {
  const mounts = [
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
    "2 1 0:5 / /mnt/my\\040files rw - fuse.sshfs me@host: rw",
    "3 1 0:6 / /mnt rw - xfs /dev/sdb rw",
    "4 1 0:7 / /mnt rw - virtiofs share rw",
    "",
  ].join("\n");
  expect(mountType("/mnt/my files/q.db", mounts)).toBe("fuse.sshfs");
  expect(mountType("/mnt/q.db", mounts)).toBe("virtiofs");
  expect(mountType("/mntx/q.db", mounts)).toBe("ext4");
});
