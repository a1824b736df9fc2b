import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { MAX_SILENCE_MS, startServiceBusFixture } from "../support/service-bus-fixture.ts";
import { jobs, leftIn, until, work } from "../support/work.ts";

const { server, freshQueue, connect } = await startServiceBusFixture();

test.each([
  ["a queue", "its links are detached", false, (queue: string) => server.detachLinks(queue)],
  ["a queue", "all connections are cut", false, () => server.cutConnections()],
  ["a queue with sessions", "its links are detached", true, (queue: string) => server.detachLinks(queue)],
  ["a queue with sessions", "all connections are cut", true, () => server.cutConnections()],
])("a thousand messages of %s are all handled although %s ten times", async (...args) => {
  const [, , requiresSession, cut] = args;
  const name = await freshQueue({ lockDurationMs: 5_000, requiresSession });
  const queue = connect();
  const keyed = jobs(1_000).map((job, index) =>
    requiresSession ? { ...job, orderingKey: `key ${index % 30}` } : job,
  );
  await queue.sendBatch(name, keyed);
  const working = work(queue, name, () => sleep(5));
  for (let cuts = 1; cuts <= 10; cuts += 1) {
    await until(`${cuts} cuts' worth`, () => working.handled.size >= cuts * 80);
    await cut(name);
  }
  await until("all messages", () => working.handled.size >= 1_000);
  await working.stop();
  expect(working.handled.size).toBe(1_000);
  expect(working.silenceMs).toBeLessThan(MAX_SILENCE_MS);
  // Messages that were leased at a cut are settled by lock token, on another link.
  const twice = [...working.handled.values()].filter((runs) => runs > 1).length;
  expect(twice).toBeLessThanOrEqual(200);
});

test("two messages with the same id each run once, although one of them runs longer than its lock", async () => {
  const name = await freshQueue({ lockDurationMs: 12_000 });
  const queue = connect();
  const twin = { id: "twin", type: "job" };
  await queue.send(name, { ...twin, payload: "short" });
  await queue.send(name, { ...twin, payload: "long" });
  const runs: unknown[] = [];
  const working = work(queue, name, async ({ payload }) => {
    runs.push(payload);
    if (payload === "long") await sleep(18_000);
  });
  await until("both have run", () => working.runs === 2);
  await working.stop();
  expect(await leftIn(queue, name)).toBe(0);
  expect(new Set(runs)).toEqual(new Set(["long", "short"]));
  expect(runs).toHaveLength(2);
  expect(working.events.filter(({ event }) => event === "lease_lost")).toEqual([]);
});

test.each([
  ["a queue", false],
  ["a queue with sessions", true],
])("%s needs at most 2.2 transfers and settlements per message", async (_title, requiresSession) => {
  const name = await freshQueue({ requiresSession });
  const queue = connect();
  await server.resetStats();
  const count = 10_000;
  const messages = jobs(count).map((job, index) => ({
    ...job,
    ...(requiresSession ? { orderingKey: `key ${index % 50}` } : {}),
  }));
  await queue.sendBatch(name, messages);
  const working = work(queue, name, () => sleep(1), { concurrency: 50 });
  await until("all messages", () => working.runs >= count, 150_000);
  await working.stop();
  const { transfersIn, transfersOut, settlements } = await server.stats();
  expect((transfersIn + transfersOut + settlements) / count).toBeLessThanOrEqual(2.2);
});

test("a worker locks no more messages than it has slots, also after its links were detached", async () => {
  const name = await freshQueue();
  const queue = connect();
  await queue.sendBatch(name, jobs(50));
  await server.resetStats();
  const go = Promise.withResolvers<void>();
  let running = 0;
  const working = work(
    queue,
    name,
    async () => {
      running += 1;
      await go.promise;
    },
    { concurrency: 5 },
  );
  await until("five run", () => running === 5);
  await server.detachLinks(name);
  await sleep(1_500);
  expect((await server.stats()).transfersOut).toBe(5);
  expect(running).toBe(5);
  go.resolve();
  await until("the other messages run", () => running === 50);
  await working.stop();
});

test("more messages than a link has room for are received while one message is held for a long time", async () => {
  const name = await freshQueue();
  const queue = connect();
  const count = 4_500;
  await queue.sendBatch(name, jobs(count));
  const go = Promise.withResolvers<void>();
  const working = work(
    queue,
    name,
    async ({ payload }) => {
      if (payload === 0) await go.promise;
    },
    { concurrency: 20 },
  );
  await until("all messages but one", () => working.handled.size === count - 1);
  go.resolve();
  await until("the last message", () => working.handled.size === count);
  await working.stop();
  expect(working.handled.size).toBe(count);
});

test("a settlement that its link never answers does not block the link", async () => {
  const name = await freshQueue();
  const queue = connect();
  const count = 5_000;
  await queue.sendBatch(name, jobs(count));
  await server.dropSettlementAnswers(name, 1);
  // The settlement times out after ten seconds. Most messages are received later.
  const working = work(queue, name, () => sleep(70), { concurrency: 20 });
  await until("all messages", () => working.handled.size === count, 150_000);
  await working.stop();
  expect(working.runs).toBe(count);
});
