import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openQueue } from "../../../adapters/open.ts";
import { sqliteDelayStore } from "../../../src/delay-store/index.ts";
import { isLocked, onceUnlocked } from "../../../src/lib/sqlite/unlocked.ts";
import type { DelayStore, StoredMessage } from "../../../src/delay/store.ts";
import { times } from "../support.ts";

let directory: string;
let store: DelayStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "queueport-"));
  store = sqliteDelayStore({ path: join(directory, "new/delays.db") });
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

function message(key: string, over: Partial<StoredMessage> = {}): StoredMessage {
  return { key, queue: "jobs", dueAt: 1_000, body: "{}", attributes: { type: "a" }, ...over };
}

const claim = (now: number, limit = 10): Promise<StoredMessage[]> =>
  store.claimDue("jobs", { now, claimMs: 60_000, limit });
const keys = (messages: readonly StoredMessage[]): string[] => messages.map(({ key }) => key);

describe("a delay store in SQLite", () => {
  test("returns a message byte for byte as it was put", async () => {
    const full = message("a", { body: new Uint8Array([0, 255, 7]), orderingKey: "k", dedupId: "d" });
    await Promise.all([store.put(full), store.put(message("b", { body: "ü\u0000😀" }))]);
    const [first, second] = await claim(1_000);

    expect(first).toEqual(full);
    expect(second?.body).toBe("ü\u0000😀");
  });

  test("gives due messages to one caller, in order of their due time, until the claim expires", async () => {
    await Promise.all([
      store.put(message("late", { dueAt: 3_000 })),
      store.put(message("second", { dueAt: 2_000 })),
      store.put(message("first", { dueAt: 1_000 })),
      store.put(message("other", { queue: "others" })),
    ]);
    expect(keys(await claim(999))).toEqual([]);
    expect(await store.nextAt("jobs")).toBe(1_000);
    expect(keys(await claim(2_000, 1))).toEqual(["first"]);
    expect(keys(await claim(2_000))).toEqual(["second"]);
    expect(await store.nextAt("jobs")).toBe(3_000);
    expect(keys(await claim(61_999))).toEqual(["late"]);
    expect(keys(await claim(62_000))).toEqual(["first", "second"]);

    await store.done(["first", "second", "nobody"]);
    expect(keys(await claim(1_000_000))).toEqual(["late"]);
  });

  test("cancels a message once, if it was never claimed", async () => {
    await Promise.all([store.put(message("a")), store.put(message("b", { dueAt: 9_000 }))]);
    await claim(1_000);

    expect(await store.cancel("a")).toBe(false);
    expect(await store.cancel("b")).toBe(true);
    expect(await store.cancel("b")).toBe(false);
    expect(await store.count("jobs")).toBe(1);
  });

  test("cancels no message whose claim expired, since the process that claimed it may have sent it", async () => {
    await store.put(message("a"));

    expect(keys(await store.claimDue("jobs", { now: 1_000, claimMs: 1, limit: 1 }))).toEqual(["a"]);
    expect(await store.nextAt("jobs")).toBe(1_001);
    expect(await store.cancel("a")).toBe(false);
    expect(keys(await claim(2_000))).toEqual(["a"]);
  });

  test("is shared by every process that opens the same file, and outlives them", async () => {
    const path = join(directory, "new/delays.db");
    const other = sqliteDelayStore({ path });
    await Promise.all(times(200, (index) => (index % 2 ? store : other).put(message(`k${index}`))));
    const claims = await Promise.all(
      [store, other].map((one) => one.claimDue("jobs", { now: 1_000, claimMs: 1, limit: 150 })),
    );
    expect(claims.map(({ length }) => length)).toEqual([150, 50]);
    expect(new Set(claims.flat().map(({ key }) => key)).size).toBe(200);

    await other.close();
    await store.close();
    await store.close();
    store = sqliteDelayStore({ path });
    expect(await store.count("jobs")).toBe(200);

    await store.drop("jobs");
    expect(await store.list("jobs", 10)).toEqual([]);
  });

  test("needs a path, and is shared unless the path is :memory:", () => {
    expect(() => sqliteDelayStore({ path: "" })).toThrow(
      expect.objectContaining({ code: "config" }) as Error,
    );
    expect(store.shared).toBe(true);
    expect(sqliteDelayStore({ path: ":memory:" }).shared).toBe(false);
  });

  test("refuses the address of another database, and does not show it", () => {
    expect(() => sqliteDelayStore({ path: "postgres://me:hunter2@db/delays" })).toThrow(
      expect.objectContaining({ code: "config", message: expect.not.stringContaining("hunter2") }) as Error,
    );
  });

  test("reports a file that cannot be opened", async () => {
    const path = join(directory, "a-file/delays.db");
    await writeFile(join(directory, "a-file"), "");

    expect(() => sqliteDelayStore({ path })).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining(path) }),
    );
  });

  test.each(["deleted", "replaced"])(
    "takes no message after its file was %s, sends the messages that it has, and then reports it",
    async (change) => {
      const path = join(directory, "new/delays.db");
      await store.put(message("a"));
      await rm(path);
      if (change === "replaced") await writeFile(path, "");

      await expect(store.put(message("b"))).rejects.toThrow(
        `the file ${path} was deleted or replaced while it was open; restart the processes that use it`,
      );
      expect(keys(await claim(1_000))).toEqual(["a"]);
      await store.done(["a"]);
      await expect(claim(1_000)).rejects.toThrow("was deleted or replaced");
    },
  );

  test("is opened from a configuration", async () => {
    const path = join(directory, "configured.db");
    const config = {
      provider: "memory",
      emulate: "sqs",
      queues: ["jobs"],
      delayStore: { sqlite: path },
    } as const;
    await using queue = await openQueue(config);
    const { handle = "" } = await queue.sendDelayed(
      "jobs",
      { type: "a", payload: 1 },
      { days: 3 },
      { cancellable: true },
    );
    const [waiting] = await queue.delayed("jobs");

    expect(waiting).toMatchObject({ handle, message: { type: "a", payload: 1 } });
    expect((await queue.stats("jobs")).delayed).toBe(1);
    expect(await queue.cancel(handle)).toBe(true);
    expect(await queue.cancel(handle)).toBe(false);
  });
});

/** Holds a lock of the database until the returned function is called. */
function lock(path: string, mode: "IMMEDIATE" | "EXCLUSIVE", sql = ""): () => void {
  const other = new DatabaseSync(path);
  other.exec(`${sql}; BEGIN ${mode}`);
  return () => {
    other.exec("ROLLBACK");
    other.close();
  };
}

/** Resolves after some turns of the event loop, which shows that it goes on. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
}

test("a call sees the changes that were made before it, although they are not committed yet", async () => {
  const put = store.put(message("a"));
  expect(await store.count("jobs")).toBe(1);
  await put;
});

test("a locked file differs from other errors by the primary result code", () => {
  // BUSY, LOCKED, BUSY_RECOVERY, BUSY_SNAPSHOT; then ERROR, FULL and IOERR_READ.
  expect([5, 6, 261, 517].map((errcode) => isLocked({ errcode }))).toEqual([true, true, true, true]);
  expect([1, 13, 266, "5"].map((errcode) => isLocked({ errcode }))).toEqual([false, false, false, false]);
  expect(isLocked(undefined)).toBe(false);
});

describe("while another process has locked the file,", () => {
  test("calls wait without holding up the event loop, and succeed in their order when it is released", async () => {
    await store.put(message("before"));
    const release = lock(join(directory, "new/delays.db"), "IMMEDIATE");
    const done: string[] = [];
    const put = store.put(message("a")).then(() => done.push("put"));
    const claimed = store.claimDue("jobs", { now: 1_000, claimMs: 1, limit: 9 }).then((claims) => {
      done.push(keys(claims).join());
    });
    const later = store.put(message("b")).then(() => done.push("later"));
    await turns();
    expect(done).toEqual([]);
    release();
    await Promise.all([put, claimed, later]);
    expect(done[0]).toBe("put");
    expect(done.find((one) => one.includes("before"))).toContain("a");
    expect(await store.count("jobs")).toBe(3);
  });

  test("a store can be opened, and its first call waits", async () => {
    const path = join(directory, "old.db");
    const release = lock(path, "EXCLUSIVE", "CREATE TABLE other (a)");
    const opened = sqliteDelayStore({ path });
    let isDone = false;
    const put = opened.put(message("a")).then(() => (isDone = true));
    await turns();
    expect(isDone).toBe(false);
    release();
    await put;
    expect(await opened.count("jobs")).toBe(1);
    await opened.close();
  });

  test("a store that is closed first writes what was put", async () => {
    const path = join(directory, "new/delays.db");
    const release = lock(path, "IMMEDIATE");
    const put = store.put(message("a"));
    const closed = store.close();
    await turns();
    release();
    await Promise.all([put, closed]);
    store = sqliteDelayStore({ path });
    expect(await store.count("jobs")).toBe(1);
  });

  test("an operation fails with the error of the database when the wait was too long", async () => {
    await store.put(message("a"));
    const path = join(directory, "new/delays.db");
    const release = lock(path, "IMMEDIATE");
    const other = new DatabaseSync(path);
    const write = (): void => other.exec("DELETE FROM delayed");
    await expect(onceUnlocked(write, 30)).rejects.toThrow("locked");
    release();
    await onceUnlocked(write, 30);
    other.close();
  });
});

test("a message that was claimed before the machine's time was set back by an hour is claimed again at once", async () => {
  const now = 10_000_000;
  await store.put(message("a"));
  expect(keys(await claim(now))).toEqual(["a"]);
  expect(keys(await claim(now - 10))).toEqual([]);
  expect(keys(await claim(now - 3_600_000))).toEqual(["a"]);
});

describe.skipIf(process.platform === "win32")("the file of a delay store", () => {
  const modeOf = async (path: string): Promise<string> =>
    ((await stat(join(directory, path))).mode & 0o777).toString(8);

  test("and its folder can be read by nobody else", async () => {
    await store.put(message("a"));
    expect(await Promise.all(["new", "new/delays.db", "new/delays.db-wal"].map(modeOf))).toEqual([
      "700",
      "600",
      "600",
    ]);
  });

  test.each(["", "-wal", "-journal"])("is not opened through a symbolic link (%j)", async (suffix) => {
    const path = join(directory, "linked.db");
    await writeFile(join(directory, "target"), "");
    await symlink(join(directory, "target"), path + suffix);
    expect(() => sqliteDelayStore({ path })).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining("symbolic link") }),
    );
    expect((await stat(join(directory, "target"))).size).toBe(0);
  });

  test("is a file of that name, although the name could be read as a URL", async () => {
    const opened = sqliteDelayStore({ path: join(directory, "file:x.db?mode=memory") });
    await opened.put(message("a"));
    await opened.close();
    expect((await stat(join(directory, "file:x.db?mode=memory"))).size).toBeGreaterThan(0);
  });
});
