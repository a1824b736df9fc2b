import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RedisFixture } from "../support/redis-fixture.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { jobs, leftIn, OrderCheck, until, work } from "../support/work.ts";

const COUNT = 3_000;
const LEASE_MS = 10_000;

const { server, missing } = await findServer("redis");
afterAll(() => server?.close());

describe.skipIf(missing !== undefined)(onServer("redis"), () => {
  let fixture: RedisFixture;
  beforeAll(async () => {
    fixture = await RedisFixture.start(server!.url);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.each([
    ["without order", "every connection is cut", "none", () => fixture.proxy.cutAll()],
    ["with order", "every connection is cut", "by_key", () => fixture.proxy.cutAll()],
    ["without order", "nothing arrives for three seconds", "none", () => fixture.proxy.stall(3_000)],
    // Longer than the time limit of a command, so that the connection is replaced.
    ["without order", "nothing arrives for twelve seconds", "none", () => fixture.proxy.stall(12_000)],
  ] as const)(
    "all messages of a queue %s are handled although %s twice",
    { timeout: 240_000 },
    async (_queue, _what, ordering, disturb) => {
      const name = await fixture.freshQueue({ ordering });
      const queue = fixture.connect({ url: fixture.proxiedUrl });
      const messages = jobs(COUNT).map((job, index) =>
        ordering === "none" ? job : { ...job, orderingKey: `key ${index % 50}` },
      );
      const sent = new Set<string>();
      for (const outcome of await queue.sendBatch(name, messages)) if (outcome.ok) sent.add(outcome.id);
      expect(sent.size).toBe(COUNT);
      const order = new OrderCheck();
      const working = work(
        queue,
        name,
        async ({ payload, orderingKey }) => {
          await sleep(2);
          if (orderingKey !== undefined) order.see(orderingKey, payload as number);
        },
        { concurrency: 50, leaseMs: LEASE_MS },
      );
      for (const share of [1 / 4, 1 / 2]) {
        await until(`a share of ${share}`, () => working.handled.size >= COUNT * share, 120_000);
        disturb();
      }
      await until("all messages", () => working.handled.size >= COUNT, 120_000);
      await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 60_000);
      await working.stop();
      expect(new Set(working.handled.keys())).toEqual(sent);
      expect(order.overtaken).toBe(0);
      // Only what was leased at a fault may have run twice.
      expect([...working.handled.values()].filter((runs) => runs > 1).length).toBeLessThanOrEqual(2 * 200);
    },
  );

  test("a connection that stays open and silent is destroyed after the time limit, and the next one is used", async () => {
    const name = await fixture.freshQueue();
    const queue = fixture.connect({ url: fixture.proxiedUrl, requestTimeoutMs: 500 });
    await queue.send(name, { type: "job", payload: 0 });
    const accepted = fixture.proxy.accepted;
    fixture.proxy.stall(1_200);
    // Sent again until the network is back.
    await queue.send(name, { type: "job", payload: 1 });
    expect(fixture.proxy.accepted).toBeGreaterThan(accepted);
    expect((await queue.stats(name)).messages).toBeGreaterThanOrEqual(2);
  });

  test("a message of another process arrives although the subscription was cut", async () => {
    const name = await fixture.freshQueue();
    const receiver = fixture.connect({ url: fixture.proxiedUrl });
    const working = work(receiver, name);
    await fixture.connect().send(name, { type: "job", payload: 0 });
    await until("the first message", () => working.runs === 1);
    fixture.proxy.cutAll();
    await fixture.connect().send(name, { type: "job", payload: 1 });
    await until("the second message", () => working.runs === 2, 15_000);
    await working.stop();
    expect(working.handled.size).toBe(2);
  });

  test("a driver has two connections, whatever the number of queues", async () => {
    const names = await Promise.all(Array.from({ length: 20 }, () => fixture.freshQueue()));
    const before = fixture.proxy.accepted;
    const queue = fixture.connect({ url: fixture.proxiedUrl });
    const workings = names.map((name) => work(queue, name));
    await Promise.all(names.map((name) => queue.send(name, { type: "job", payload: 0 })));
    await until("all messages", () => workings.every(({ runs }) => runs === 1));
    expect(fixture.proxy.accepted - before).toBe(2);
    await Promise.all(workings.map((one) => one.stop()));
  });
});
