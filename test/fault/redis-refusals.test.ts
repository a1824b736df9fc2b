import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { inspect } from "../../adapters/redis/inspect.ts";
import { redis } from "../../adapters/redis/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { RedisFixture } from "../support/redis-fixture.ts";
import { onServer } from "../support/servers/find-server.ts";
import { hasRedisProgram, PrivateRedis } from "../support/servers/redis-server.ts";
import { jobs, until, work } from "../support/work.ts";

const MIB = 1_048_576;
const UNUSED = "redis://127.0.0.1:1";

describe.skipIf(!hasRedisProgram())(onServer("redis"), () => {
  let own: PrivateRedis;
  let fixture: RedisFixture;
  let name: string;
  beforeAll(async () => {
    own = await PrivateRedis.start();
    fixture = await RedisFixture.start(own.url);
  });
  beforeEach(async () => {
    name = await fixture.freshQueue();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await own.close();
  });

  test("a full server refuses sends as queue_full and as a whole, and its queues can be emptied", async () => {
    const queue = fixture.connect();
    const ordered = await fixture.freshQueue({ ordering: "by_key" });
    const before = await queue.sendBatch(name, jobs(150));
    await Promise.all(
      jobs(50).map(({ payload }) => queue.sendDelayed(name, { type: "job", payload: 150 + payload }, 500)),
    );
    const keyed = await queue.sendBatch(
      ordered,
      jobs(100).map((job) => ({ ...job, orderingKey: `key ${job.payload % 7}` })),
    );
    expect([...before, ...keyed].every(({ ok }) => ok)).toBe(true);
    await fixture.command("CONFIG", "SET", "maxmemory", String(MIB));
    try {
      const error = await fixture
        .connect()
        .send(name, { type: "job", payload: "x" })
        .catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: "queue_full" });
      expect(String(error)).toContain("maxmemory");
      const { messages = 0, delayed = 0 } = await queue.stats(name);
      expect(messages + delayed).toBe(200);
      // The first run of each message is a retry, which changes its place.
      const failing = { concurrency: 20, backoff: { baseMs: 10, jitter: false }, leaseMs: 5_000 };
      const workings = [name, ordered].map((one) =>
        work(
          queue,
          one,
          async (_message, { attempt }) => {
            if (attempt === 1) throw new Error("try again");
          },
          failing,
        ),
      );
      await until("both queues are empty", async () => {
        const counts = await Promise.all([name, ordered].map((one) => queue.stats(one)));
        return counts.every((count) => count.messages === 0 && count.inFlight === 0 && count.delayed === 0);
      });
      await Promise.all(workings.map((one) => one.stop()));
      expect(workings.map(({ handled }) => handled.size)).toEqual([200, 100]);
    } finally {
      await fixture.command("CONFIG", "SET", "maxmemory", "0");
    }
    await queue.send(name, { type: "job", payload: "there is room" });
  });

  test("a replica refuses sends until it is the primary, and the driver connects again", async () => {
    const queue = fixture.connect();
    await queue.send(name, { type: "job", payload: 0 });
    await fixture.command("REPLICAOF", "127.0.0.1", "1");
    const sending = queue.send(name, { type: "job", payload: 1 });
    const short = createQueue(redis({ url: own.url, prefix: fixture.prefix }), { sendDeadlineMs: 400 });
    const error = await short.send(name, { type: "job", payload: 2 }).catch((failure: unknown) => failure);
    const observations = await inspect({ url: own.url });
    await fixture.command("REPLICAOF", "NO", "ONE");
    await short.close();
    expect(error).toMatchObject({ code: "send_failed", retryable: true });
    expect(String(error)).toContain("the server is a replica");
    expect(observations).toContainEqual(
      expect.objectContaining({ level: "broken", what: expect.stringContaining("replica") as string }),
    );
    await sending;
    expect((await queue.stats(name)).messages).toBe(2);
  });

  test("a wrong password is an auth error that says so, and shows no password", async () => {
    await using locked = await PrivateRedis.start({ password: "right" });
    for (const url of [locked.url.replace("right", "wrong"), locked.url.replace(":right@", "")]) {
      const queue = createQueue(redis({ url }));
      const error = await queue.send("q", { type: "job", payload: 0 }).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: "auth" });
      expect(String(error)).toContain("password");
      expect(String(error)).not.toContain("wrong");
      await queue.close();
    }
    const queue = createQueue(redis({ url: locked.url }));
    await queue.send("q", { type: "job", payload: 0 });
    await queue.close();
  });

  test("the permissions of the documentation are enough, and each of them is needed", async () => {
    const page = await readFile(new URL("../../docs/providers/redis.md", import.meta.url), "utf8");
    const rule =
      /ACL SETUSER app on >password ([^`]*)```/.exec(page)?.[1]?.split(/\s+/).filter(Boolean) ?? [];
    const allowed = rule.map((word) => word.replace("qp:", `${fixture.prefix}:`));
    await fixture.command("ACL", "SETUSER", "app", "on", ">password", ...allowed);
    const url = own.url.replace("redis://", "redis://app:password@");
    const queue = fixture.connect({ url, dedupWindowMs: 50 });
    const ordered = `${name}-ordered`;
    await queue.ensure(ordered, { ordering: "by_key" });
    await queue.send(name, { type: "job", payload: 0 });
    await queue.sendBatch(
      ordered,
      jobs(20).map((job) => ({ ...job, orderingKey: `key ${job.payload % 3}` })),
    );
    const { handle } = (await queue.sendDelayed(name, { type: "job", payload: 1 }, 60_000, {
      cancellable: true,
    })) as {
      handle: string;
    };
    expect(await queue.cancel(handle)).toBe(true);
    const working = work(
      queue,
      ordered,
      async (_message, { attempt }) => {
        if (attempt === 1) throw new Error("try again");
      },
      { backoff: { baseMs: 10, jitter: false } },
    );
    const plain = work(queue, name);
    await until("all messages", () => working.handled.size === 20 && plain.runs === 1);
    await Promise.all([working.stop(), plain.stop()]);
    await queue.drop(name);
    const denied = (await fixture.command("ACL", "LOG")) as unknown[];
    expect(denied).toEqual([]);
    const used = new Set<string>();
    for (const line of String(await fixture.command("INFO", "commandstats")).split("\n")) {
      const found = /^cmdstat_([a-z]+)/.exec(line)?.[1];
      if (found !== undefined) used.add(found);
    }
    const commands = rule.flatMap((word) => (word.startsWith("+") ? [word.slice(1)] : []));
    // A heartbeat after ten seconds, a release without delay, and an end that the server may not have seen yet.
    const rare = new Set(["ping", "lpush", "unsubscribe"]);
    expect(commands.filter((command) => !used.has(command) && !rare.has(command))).toEqual([]);
  });

  test("a script that the server has forgotten is sent again", async () => {
    const queue = fixture.connect();
    await queue.send(name, { type: "job", payload: 0 });
    await fixture.command("SCRIPT", "FLUSH");
    await queue.send(name, { type: "job", payload: 1 });
    expect((await queue.stats(name)).messages).toBe(2);
  });

  test("a key of another application is an error that names the prefix", async () => {
    await fixture.command("SET", `${fixture.prefix}:{queue:${name}}:ready`, "theirs");
    const error = await fixture
      .connect()
      .send(name, { type: "job", payload: 0 })
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "provider" });
    expect(String(error)).toContain("prefix");
  });

  test("a server that cannot be reached is an error that may pass", async () => {
    const queue = createQueue(redis({ url: UNUSED }), { sendDeadlineMs: 300 });
    const error = await queue.send("q", { type: "job", payload: 0 }).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "send_failed", retryable: true });
    await queue.close();
  });

  test("a send that too few replicas confirm fails with an unknown outcome, and one that they confirm succeeds", async () => {
    await using replica = await PrivateRedis.start();
    const wait = { replicas: 1, timeoutMs: 200 };
    const options = { url: own.url, prefix: fixture.prefix, wait };
    const queue = createQueue(redis(options), { sendDeadlineMs: 500 });
    const error = await queue.send(name, { type: "job", payload: 0 }).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "send_unknown" });
    expect(String(error)).toContain("replicas");
    await queue.close();
    const { port, hostname } = new URL(own.url);
    const follower = await RedisFixture.start(replica.url);
    await follower.command("REPLICAOF", hostname, port);
    await until("the replica is connected", async () =>
      String(await follower.command("INFO", "replication")).includes("master_link_status:up"),
    );
    const confirmed = fixture.connect({ wait: { replicas: 1, timeoutMs: 2_000 } });
    await confirmed.send(name, { type: "job", payload: 1 });
    await follower.proxy.close();
  });

  test("after all messages are acknowledged, a queue leaves its settings and its counter behind, and nothing else", async () => {
    const queue = fixture.connect();
    const ordered = await fixture.freshQueue({ ordering: "by_key" });
    await queue.sendBatch(
      ordered,
      jobs(50).map((job) => ({ ...job, orderingKey: `key ${job.payload}` })),
    );
    const working = work(queue, ordered);
    await until("all messages", () => working.runs === 50);
    await working.stop();
    const keys = (await fixture.keys()).filter((key) => key.includes(`{queue:${ordered}}`));
    expect(new Set(keys.map((key) => key.split(":").at(-1)))).toEqual(new Set(["counter", "info"]));
    await queue.drop(ordered);
    expect((await fixture.keys()).filter((key) => key.includes(ordered))).toEqual([]);
  });
});
