import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RedisFixture } from "../support/redis-fixture.ts";
import { onServer } from "../support/servers/find-server.ts";
import { hasRedisProgram, PrivateRedis } from "../support/servers/redis-server.ts";
import { jobs, leftIn, OrderCheck, until, work } from "../support/work.ts";

const COUNT = 3_000;
/** Longer than a server needs to restart on a busy machine, so that leased messages are settled and do not run again. */
const LEASE_MS = 20_000;

describe.skipIf(!hasRedisProgram())(onServer("redis"), () => {
  let own: PrivateRedis;
  let fixture: RedisFixture;
  beforeAll(async () => {
    own = await PrivateRedis.start();
    fixture = await RedisFixture.start(own.url);
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await own.close();
  });

  test.each([
    ["without order", "killed", "none"],
    ["with order", "killed", "by_key"],
  ] as const)(
    "messages that are sent and handled on a queue %s while the server is %s and started again, twice, are all handled",
    { timeout: 300_000 },
    async (_queue, _what, ordering) => {
      const name = await fixture.freshQueue({ ordering });
      const queue = fixture.connect();
      const sent = new Set<string>();
      const unknown = new Set<string>();
      const sending = (async () => {
        for (const [index, job] of jobs(COUNT).entries()) {
          const message = ordering === "none" ? job : { ...job, orderingKey: `key ${index % 50}` };
          const [outcome] = await queue.sendBatch(name, [{ ...message, id: `${name}-${index}` }]);
          if (outcome!.ok) sent.add(outcome!.id);
          else unknown.add(`${name}-${index}`);
        }
      })();
      const order = new OrderCheck();
      const working = work(
        queue,
        name,
        async ({ payload, orderingKey }) => {
          await sleep(1);
          if (orderingKey !== undefined) order.see(orderingKey, payload as number);
        },
        { concurrency: 50, leaseMs: LEASE_MS },
      );
      for (const share of [1 / 4, 1 / 2]) {
        await until(`a share of ${share}`, () => working.handled.size >= COUNT * share, 120_000);
        await own.kill();
        await sleep(300);
        await own.start();
      }
      await sending;
      const isHandled = (id: string): boolean => working.handled.has(id);
      await until("all messages", () => [...sent].every(isHandled), 120_000);
      await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 60_000);
      await working.stop();
      expect(sent.size).toBeGreaterThan(COUNT - 100);
      expect([...working.handled.keys()].filter((id) => !sent.has(id) && !unknown.has(id))).toEqual([]);
      expect(order.overtaken).toBe(0);
    },
  );

  test(
    "a server that stands still for longer than the time limit loses no message",
    { timeout: 120_000 },
    async () => {
      const name = await fixture.freshQueue();
      const queue = fixture.connect({ requestTimeoutMs: 1_000 });
      const outcomes = await queue.sendBatch(name, jobs(500));
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      const working = work(queue, name, () => sleep(5), { concurrency: 20, leaseMs: LEASE_MS });
      await until("some", () => working.runs > 100);
      own.freeze();
      await sleep(2_500);
      own.thaw();
      await until("all messages", () => working.handled.size === 500, 90_000);
      await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 60_000);
      await working.stop();
    },
  );
});
