import { setTimeout as sleep } from "node:timers/promises";
import { createCluster } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redis } from "../../adapters/redis/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { onServer } from "../support/servers/find-server.ts";
import { hasRedisProgram } from "../support/servers/redis-server.ts";
import { jobs, OrderCheck, until, work } from "../support/work.ts";

const QUEUES = Array.from({ length: 6 }, (_, index) => `queue-${index}`);
const COUNT = 200;

describe.skipIf(!hasRedisProgram())(onServer("redis"), { timeout: 240_000 }, () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test("queues of all kinds of calls work on all nodes, and a node that is killed and started again loses no message", async () => {
    const queue = createQueue(redis({ cluster: cluster.urls, dedupWindowMs: 60_000 }));
    const nodes = new Set(
      await Promise.all(QUEUES.map((name) => cluster.nodeOf(`qp:{queue:${name}}:ready`))),
    );
    expect(nodes.size).toBe(3);
    for (const name of QUEUES) {
      await queue.ensure(name, { ordering: "by_key" });
      const outcomes = await queue.sendBatch(
        name,
        jobs(COUNT).map((job) =>
          job.payload % 2 === 0 ? job : { ...job, orderingKey: `key ${job.payload % 9}` },
        ),
      );
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      const { handle = "" } = await queue.sendDelayed(name, { type: "job", payload: 0 }, 60_000, {
        cancellable: true,
      });
      expect(await queue.cancel(handle)).toBe(true);
    }
    const orders = QUEUES.map(() => new OrderCheck());
    const workings = QUEUES.map((name, index) =>
      work(
        queue,
        name,
        async ({ payload, orderingKey }, { attempt }) => {
          await sleep(5);
          if (attempt === 1 && (payload as number) % 20 === 0) throw new Error("try again");
          if (orderingKey !== undefined) orders[index]?.see(orderingKey, payload as number);
        },
        { concurrency: 5, leaseMs: 15_000, backoff: { baseMs: 20, jitter: false } },
      ),
    );
    await until("a part", () => workings.every(({ handled }) => handled.size > COUNT / 4), 60_000);
    const killed = await cluster.nodeOf(`qp:{queue:${QUEUES[0]}}:ready`);
    await killed.kill();
    await sleep(3_000);
    await killed.start();
    await until("all messages", () => workings.every(({ handled }) => handled.size === COUNT), 120_000);
    await until("all queues are empty", async () => {
      const counts = await Promise.all(QUEUES.map((name) => queue.stats(name)));
      return counts.every((count) => count.messages === 0);
    });
    await Promise.all(workings.map((one) => one.stop()));
    expect(orders.map(({ overtaken }) => overtaken)).toEqual(QUEUES.map(() => 0));
    for (const name of QUEUES) await queue.drop(name);
    await queue.close();
  });

  test("a cluster that the application has is used and stays open", async () => {
    const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) });
    client.on("error", () => {});
    await client.connect();
    const queue = createQueue(redis({ client }));
    const working = work(queue, "injected");
    await queue.sendBatch("injected", jobs(10));
    await until("all messages", () => working.runs === 10);
    await working.stop();
    await queue.drop("injected");
    await queue.close();
    expect(await client.sendCommand(undefined, true, ["PING"])).toBeTruthy();
    client.destroy();
  });

  test("a single connection to a node says what to give instead", async () => {
    const queue = createQueue(redis({ url: cluster.urls[0] }));
    const errors = await Promise.all(
      QUEUES.map((name) => queue.send(name, { type: "job", payload: 0 }).catch((error: unknown) => error)),
    );
    expect(errors.map(String).filter((text) => text.includes("as `cluster`")).length).toBeGreaterThan(0);
    await queue.close();
  });
});
