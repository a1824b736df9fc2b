import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serviceBus } from "../../adapters/service-bus/index.ts";
import { createQueue } from "../../src/create-queue.ts";
import type { Queue } from "../../src/queue.ts";
import { ServiceBusProcess } from "../support/service-bus.ts";

let server: ServiceBusProcess;
const opened: Queue[] = [];
let made = 0;

beforeAll(async () => {
  server = await ServiceBusProcess.start();
});
afterAll(async () => {
  await Promise.all(opened.map((queue) => queue.close()));
  await server.kill();
});

async function freshQueue(lockDurationMs: number = 30_000, requiresSession = false): Promise<string> {
  const name = `fault-${(made += 1)}`;
  await server.createQueue({ name, lockDurationMs, maxDeliveryCount: 100, requiresSession });
  return name;
}

function connect(): Queue {
  const queue = createQueue(serviceBus({ connectionString: server.connectionString }));
  opened.push(queue);
  return queue;
}

async function until(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs} ms`);
    await sleep(5);
  }
}

function jobs(count: number): { type: string; payload: number }[] {
  return Array.from({ length: count }, (_, index) => ({ type: "job", payload: index }));
}

test.each([
  ["its links are detached", (queue: string) => server.detachLinks(queue)],
  ["every connection is cut", () => server.cutConnections()],
])("a thousand messages are all handled while, ten times, %s", async (_what, cut) => {
  const name = await freshQueue(5_000);
  const queue = connect();
  await queue.sendBatch(name, jobs(1_000));
  const handled = new Map<string, number>();
  const stop = new AbortController();
  let lastAt = Date.now();
  let deafMs = 0;
  const receiving = queue.receive(
    name,
    async ({ id }) => {
      deafMs = Math.max(deafMs, Date.now() - lastAt);
      lastAt = Date.now();
      await sleep(5);
      handled.set(id, (handled.get(id) ?? 0) + 1);
    },
    { signal: stop.signal, concurrency: 10 },
  );
  for (let cuts = 1; cuts <= 10; cuts += 1) {
    await until(`${cuts} cuts' worth`, () => handled.size >= cuts * 80);
    await cut(name);
  }
  await until("all of them", () => handled.size >= 1_000);
  stop.abort();
  await receiving;
  expect(handled.size).toBe(1_000);
  expect(deafMs).toBeLessThan(5_000);
  // What was in hand at a cut is settled by its lock token, over another link.
  const twice = [...handled.values()].filter((runs) => runs > 1).length;
  expect(twice).toBeLessThanOrEqual(200);
});

test("two messages with one id: one is settled, the other runs on past its lock; each runs once", async () => {
  const name = await freshQueue(1_500);
  const queue = connect();
  const twin = { id: "twin", type: "job" };
  await queue.send(name, { ...twin, payload: "short" });
  await queue.send(name, { ...twin, payload: "long" });
  const runs: unknown[] = [];
  const lost: unknown[] = [];
  const stop = new AbortController();
  let finished = 0;
  const receiving = queue.receive(
    name,
    async ({ payload }) => {
      runs.push(payload);
      if (payload === "long") await sleep(5_000);
      finished += 1;
    },
    {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.event === "lease_lost") lost.push(event);
      },
    },
  );
  await until("both end", () => finished === 2);
  await sleep(2_000);
  stop.abort();
  await receiving;
  expect(new Set(runs)).toEqual(new Set(["long", "short"]));
  expect(runs).toHaveLength(2);
  expect(lost).toEqual([]);
});

test.each([
  ["a queue", false],
  ["a queue with sessions", true],
])("%s costs at most 2.2 transfers and settlements a message", async (_what, requiresSession) => {
  const name = await freshQueue(30_000, requiresSession);
  const queue = connect();
  await server.resetStats();
  const count = 5_000;
  const messages = jobs(count).map((job, index) => ({
    ...job,
    ...(requiresSession ? { orderingKey: `key ${index % 50}` } : {}),
  }));
  await queue.sendBatch(name, messages);
  let handled = 0;
  const stop = new AbortController();
  const receiving = queue.receive(
    name,
    async () => {
      await sleep(1);
      handled += 1;
    },
    { signal: stop.signal, concurrency: 50 },
  );
  await until("all of them", () => handled >= count);
  stop.abort();
  await receiving;
  const { transfersIn, transfersOut, settlements } = await server.stats();
  expect((transfersIn + transfersOut + settlements) / count).toBeLessThanOrEqual(2.2);
});

test("no more is locked than there are slots, also after links were detached", async () => {
  const name = await freshQueue();
  const queue = connect();
  await queue.sendBatch(name, jobs(50));
  await server.resetStats();
  const go = Promise.withResolvers<void>();
  let running = 0;
  const stop = new AbortController();
  const receiving = queue.receive(
    name,
    async () => {
      running += 1;
      await go.promise;
    },
    { signal: stop.signal, concurrency: 5 },
  );
  await until("five run", () => running === 5);
  await server.detachLinks(name);
  await sleep(1_500);
  expect((await server.stats()).transfersOut).toBe(5);
  expect(running).toBe(5);
  go.resolve();
  await until("the others follow", () => running === 50);
  stop.abort();
  await receiving;
});

test("behind one message that is held for long, more pass than a link has room for", async () => {
  const name = await freshQueue();
  const queue = connect();
  const count = 4_500;
  await queue.sendBatch(name, jobs(count));
  const go = Promise.withResolvers<void>();
  let done = 0;
  const stop = new AbortController();
  const receiving = queue.receive(
    name,
    async ({ payload }) => {
      if (payload === 0) await go.promise;
      done += 1;
    },
    { signal: stop.signal, concurrency: 20 },
  );
  await until("all but one", () => done === count - 1);
  go.resolve();
  await until("that one too", () => done === count);
  stop.abort();
  await receiving;
  expect(done).toBe(count);
});

test("a settlement that is not answered is settled by its lock token", async () => {
  const name = await freshQueue();
  const queue = connect();
  await queue.sendBatch(name, jobs(3));
  await server.failSettlements(name, 2);
  let runs = 0;
  const stop = new AbortController();
  const receiving = queue.receive(
    name,
    async () => {
      runs += 1;
    },
    { signal: stop.signal },
  );
  await until("they run", () => runs === 3);
  stop.abort();
  await receiving;
  expect((await server.stats()).managementRequests).toBeGreaterThanOrEqual(2);
  expect(runs).toBe(3);
});

test("a server that stalls and goes on is received from again", async () => {
  const name = await freshQueue();
  const queue = connect();
  let runs = 0;
  const stop = new AbortController();
  const receiving = queue.receive(
    name,
    async () => {
      runs += 1;
    },
    { signal: stop.signal },
  );
  await queue.send(name, { type: "job", payload: 1 });
  await until("the first runs", () => runs === 1);
  await server.stall(true);
  const sending = queue.send(name, { type: "job", payload: 2 });
  await sleep(1_000);
  await server.stall(false);
  await sending;
  await until("the second runs", () => runs === 2);
  stop.abort();
  await receiving;
  expect(runs).toBe(2);
});
