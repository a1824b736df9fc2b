import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { createClient } from "@redis/client";
import { redisJobStore, type RedisJobStoreOptions } from "../../../adapters/redis/index.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import {
  type PrivateRedis,
  privateRedis,
  type PrivateRedisOptions,
} from "../../support/servers/redis-server.ts";
import { claim, end, insert, jobOf } from "../sqlite/fixture.ts";
import { StoreFixture } from "./fixture.ts";

const { server, missing } = await findServer("redis");

/** The error of an attempt to open a store, after which the store is closed. */
async function errorOf(options: RedisJobStoreOptions): Promise<unknown> {
  const store = redisJobStore(options);
  try {
    return await store.open("ns", "test").then(
      () => "opened",
      (error: unknown) => error,
    );
  } finally {
    await store.close();
  }
}

/** A private server, which is closed after the test. The test is skipped if this machine has no program for it. */
async function ownServer(
  skip: (note: string) => never,
  options: PrivateRedisOptions = {},
): Promise<PrivateRedis> {
  const own = (await privateRedis(options)) ?? skip("there is no redis-server");
  onTestFinished(() => own.close());
  return own;
}

test.each([
  [{ url: "http://me:hunter2@cache" }, "redis://"],
  [
    { url: "redis://me:hunter2@cache", cluster: ["redis://me:hunter2@cache"] },
    "one of url, cluster and client",
  ],
  [{ prefix: "a{b}" }, "prefix must be"],
  [{ client: {} }, "client must be"],
])("the options %j are refused when the store is created", (options, text) => {
  const create = (): unknown => redisJobStore(options as RedisJobStoreOptions);
  expect(create).toThrow(text);
  expect(create).not.toThrow("hunter2");
});

test("an option that does not exist is refused with a suggestion", () => {
  expect(() => redisJobStore({ prefx: "jobs" } as never)).toThrow(/prefix/);
});

test("a server that is not there is worth another try", async () => {
  const error = await errorOf({ url: "redis://me:hunter2@127.0.0.1:1" });
  expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
  expect(String(error)).not.toContain("hunter2");
});

describe.skipIf(missing !== undefined)(onServer("redis"), () => {
  const fixture = new StoreFixture(server?.url ?? "redis://localhost");
  afterAll(async () => {
    await fixture.close();
    await server?.close();
  });

  test("a namespace that a later version has written is refused", async () => {
    await fixture.opened("later");
    const client = createClient({ url: fixture.url });
    await client.connect();
    await client.hSet(`${fixture.prefix}:{jobs:later}:info`, "version", "9");
    client.destroy();
    await expect(fixture.opened("later")).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/later version of queueport \(version 9/),
    });
  });

  test("a namespace that is not open, and a value that is no JSON, are refused with what to do", async () => {
    const store = await fixture.opened("values");
    await expect(store.counts("other")).rejects.toMatchObject({ code: "config" });
    await expect(
      store.apply("values", [insert("a", { createdAt: Date.now(), message: { payload: 1n as never } })]),
    ).rejects.toMatchObject({ code: "invalid_message", message: expect.stringContaining("The job a") });
    await expect(store.apply("values", [insert("a", { createdAt: Number.NaN })])).rejects.toMatchObject({
      code: "invalid_message",
    });
    expect(await store.get("values", ["a"])).toEqual([undefined]);
  });

  test("keys of another kind under the prefix are named as the fault", async () => {
    const store = await fixture.opened("taken");
    const client = createClient({ url: fixture.url });
    await client.connect();
    await client.set(`${fixture.prefix}:{jobs:taken}:rows`, "of another program");
    client.destroy();
    await expect(store.apply("taken", [insert("a")])).rejects.toMatchObject({
      message: expect.stringMatching(/another application uses this key: choose another prefix/),
    });
  });

  test("all keys of a namespace are in one slot, whatever its name", async () => {
    const store = await fixture.opened("a}b{c%");
    await store.apply("a}b{c%", [
      insert("x}y{z", { createdAt: Date.now(), tags: ["t}"], tenant: "{q}", queue: "a{b}" }),
    ]);
    expect((await store.get("a}b{c%", ["x}y{z"], ["message"]))[0]?.message).toBeDefined();
    const client = createClient({ url: fixture.url });
    await client.connect();
    const keys = (await client.keys(`${fixture.prefix}:{jobs:a*`)).map((key) => /\{[^}]*\}/.exec(key)?.[0]);
    client.destroy();
    expect(keys.length).toBeGreaterThan(5);
    expect(new Set(keys)).toEqual(new Set(["{jobs:a%7Db%7Bc%25}"]));
  });
});

test("a wrong password, and none, are config errors that say so", async ({ skip }) => {
  const own = await ownServer(skip, { password: "right" });
  const wrong = await errorOf({ url: own.url.replace("right", "hunter2") });
  expect(wrong).toMatchObject({ code: "config", retryable: false });
  expect(String(wrong)).toMatch(/correct the user or the password/);
  expect(String(wrong)).not.toContain("hunter2");
  const none = await errorOf({ url: own.url.replace(":right@", "") });
  expect(none).toMatchObject({ code: "config", message: expect.stringContaining("asks for a password") });
  expect(await errorOf({ url: own.url })).toBe("opened");
});

test("a user with the permissions that the guide lists can do everything, and the store needs all of them", async ({
  skip,
}) => {
  const own = await ownServer(skip);
  const guide = readFileSync(new URL("../../../docs/guide/jobs-in-redis.md", import.meta.url), "utf8");
  const [, command = ""] = /```text\n(ACL SETUSER [^`]*)```/.exec(guide) ?? [];
  const client = createClient({ url: own.url, RESP: 2 });
  await client.connect();
  await client.sendCommand(command.trim().split(/\s+/));
  const url = own.url.replace("://", "://app:password@");
  const used = async (): Promise<void> => {
    const fixture = new StoreFixture(own.url);
    const options = { url, prefix: `qp:${randomUUID()}` };
    const store = await fixture.opened("ns", options);
    const jobs = { createdAt: Date.now(), tenant: "acme" };
    const seen: string[] = [];
    const unlisten = store.listen("ns", (hint) => seen.push(hint));
    const other = await fixture.opened("ns", options);
    await store.apply("ns", [insert("a", jobs), claim("b", "t", jobs)]);
    await store.apply("ns", [end("b", "t", { logs: [{ at: 1, level: "info", message: "x" }] })]);
    const born = { kind: "birth", id: "c", job: jobOf(jobs), token: "c", dueInMs: 0, takenMs: 0 } as const;
    await other.apply("ns", [born]);
    await expect.poll(() => seen.includes("due"), { timeout: 10_000 }).toBe(true);
    unlisten();
    expect(await store.nextDueAt("ns")).toBeGreaterThan(0);
    expect(await store.takeDue("ns", { limit: 1, takenMs: 1_000 })).toHaveLength(1);
    const page = { limit: 2, order: "newest" } as const;
    const { total, rows } = await store.list("ns", { tenant: "acme" }, page);
    expect([total, rows.length]).toEqual([3, 2]);
    expect((await store.list("ns", { tenant: "acme" }, { ...page, after: rows[0] })).rows).toHaveLength(2);
    expect((await store.list("ns", { tenant: "acme", status: ["queued"] }, page)).rows).toHaveLength(2);
    expect(await store.counts("ns")).toHaveLength(1);
    expect(await store.minutes("ns", 0)).toHaveLength(1);
    expect((await store.changedSince("ns", "0", 10)).rows).toHaveLength(3);
    await store.beat("ns", { id: "w", startedAt: 1 } as never);
    expect(await store.workers("ns")).toHaveLength(1);
    await store.leave("ns", "w");
    expect(await store.now()).toBeGreaterThan(0);
    const policy = { completedMs: 0, failedMs: 0, cancelledMs: 0, dataMs: 0, maxFinished: 0 };
    await store.prunable("ns", policy, 10);
    await store.prune("ns", policy, 10, ["b"]);
    await fixture.close();
  };
  await used();
  for (const permission of command.match(/\+(?!ping|subscribe|unsubscribe|eval\b)\w+/g) ?? []) {
    await client.sendCommand(["ACL", "SETUSER", "app", permission.replace("+", "-")]);
    await client.sendCommand(["SCRIPT", "FLUSH"]);
    const outcome = await used().then(
      () => "did without",
      (error: unknown) => (error as { code?: string }).code,
    );
    expect(`${permission}: ${outcome}`).toMatch(/: (?:config|store_unavailable)$/);
    await client.sendCommand(["ACL", "SETUSER", "app", permission]);
  }
  client.destroy();
});

test("a listener hears of changes at once, also if the server allows no subscription", async ({ skip }) => {
  const own = await ownServer(skip);
  const fixture = new StoreFixture(own.url);
  const [store, other] = [await fixture.opened("ns", { subscribe: false }), await fixture.opened("ns")];
  const seen: string[] = [];
  store.listen("ns", (hint, id) => seen.push(`${hint} ${id}`));
  await other.apply("ns", [insert("first", { createdAt: Date.now() })]);
  await expect.poll(() => seen, { timeout: 10_000 }).toContain("change first");
  await other.apply("ns", [{ kind: "cancel", id: "first" }]);
  await expect.poll(() => seen, { timeout: 10_000 }).toContain("cancel first");
  await fixture.close();
});

test("a replica is refused with what to do, also for a namespace that it has", async ({ skip }) => {
  const [primary, replica] = [await ownServer(skip), await ownServer(skip)];
  expect(await errorOf({ url: primary.url })).toBe("opened");
  const client = createClient({ url: replica.url, RESP: 2 });
  await client.connect();
  await client.sendCommand(["REPLICAOF", "127.0.0.1", String(primary.port)]);
  await expect.poll(() => client.exists("qp:{jobs:ns}:info"), { timeout: 30_000 }).toBe(1);
  client.destroy();
  const error = await errorOf({ url: replica.url });
  expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
  expect(String(error)).toMatch(/is a replica: give the address of the primary/);
});
