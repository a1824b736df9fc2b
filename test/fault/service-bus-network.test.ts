import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { MAX_SILENCE_MS, startServiceBusFixture } from "../support/service-bus-fixture.ts";
import { jobs, until, work } from "../support/work.ts";
import { TcpProxy } from "../support/proxy/tcp-proxy.ts";

const { server, freshQueue, connect } = await startServiceBusFixture();
const proxies: TcpProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
});

async function throughProxy(): Promise<{ proxy: TcpProxy; queue: ReturnType<typeof connect> }> {
  const proxy = await TcpProxy.start({ port: server.port });
  proxies.push(proxy);
  const connectionString = server.connectionString.replace(`:${server.port};`, `:${proxy.port};`);
  return { proxy, queue: connect({ connectionString }) };
}

test("a thousand messages are all handled while the network cuts all connections ten times", async () => {
  const name = await freshQueue({ lockDurationMs: 5_000 });
  const { proxy, queue } = await throughProxy();
  await connect().sendBatch(name, jobs(1_000));
  const working = work(queue, name, () => sleep(5));
  for (let cuts = 1; cuts <= 10; cuts += 1) {
    await until(`${cuts} cuts' worth`, () => working.handled.size >= cuts * 80);
    // After the previous cut, the worker may not have connected again yet.
    await until("a connection to cut", () => proxy.cutAll() > 0);
  }
  await until("all of them", () => working.handled.size >= 1_000);
  await working.stop();
  expect(working.silenceMs).toBeLessThan(MAX_SILENCE_MS);
});

describe.each([
  ["a queue", false],
  ["a queue with sessions", true],
])("messages of %s", (_title, requiresSession) => {
  const job = (index: number): { type: string; payload: number; orderingKey?: string } => ({
    type: "job",
    payload: index,
    ...(requiresSession ? { orderingKey: `key ${index}` } : {}),
  });

  test("are received soon after a network that was blocked for six seconds recovers", async () => {
    const name = await freshQueue({ requiresSession });
    const { proxy, queue } = await throughProxy();
    const direct = connect();
    const working = work(queue, name);
    await direct.send(name, job(0));
    await until("the first message", () => working.runs === 1);
    const resume = proxy.stall();
    await direct.sendBatch(name, [job(1), job(2)]);
    await sleep(6_000);
    resume();
    await until("the other messages", () => working.handled.size === 3, MAX_SILENCE_MS);
    await direct.send(name, job(3));
    await until("a later message", () => working.handled.size === 4, MAX_SILENCE_MS);
    await working.stop();
    expect(working.runs).toBeLessThanOrEqual(6);
  });

  test("are received soon after a server that was unreachable for fifteen seconds is available again", async () => {
    const name = await freshQueue({ requiresSession });
    const { proxy, queue } = await throughProxy();
    const direct = connect();
    const working = work(queue, name);
    await direct.send(name, job(0));
    await until("the first message", () => working.runs === 1);
    proxy.refuse();
    proxy.cutAll();
    await direct.sendBatch(name, [job(1), job(2)]);
    await sleep(15_000);
    await proxy.accept();
    await until("the other messages", () => working.handled.size === 3, MAX_SILENCE_MS);
    await working.stop();
    expect(working.events.some(({ event }) => event === "poll_failed")).toBe(true);
  });
});

test("messages are received again after the server has stopped responding for a second", async () => {
  const name = await freshQueue();
  const queue = connect();
  const working = work(queue, name);
  await queue.send(name, { type: "job", payload: 1 });
  await until("the first runs", () => working.runs === 1);
  await server.stall(true);
  const sending = queue.send(name, { type: "job", payload: 2 });
  await sleep(1_000);
  await server.stall(false);
  await sending;
  await until("the second runs", () => working.runs === 2);
  await working.stop();
  expect(working.handled.size).toBe(2);
});

test("links that Service Bus closes while a worker is idle are opened again before the next message", async () => {
  const name = await freshQueue();
  const sessions = await freshQueue({ requiresSession: true });
  const queue = connect();
  const [plain, ordered] = [work(queue, name), work(queue, sessions)];
  await queue.send(name, { type: "job", payload: 1 });
  await queue.send(sessions, { type: "job", payload: 1, orderingKey: "a" });
  // Counted by message id, since a message may be delivered twice under load.
  const handled = (): number => plain.handled.size + ordered.handled.size;
  await until("both run", () => handled() === 2);
  for (let idle = 0; idle < 5; idle += 1) {
    await until("links to close", async () => (await server.detachLinks()) > 0);
    await sleep(400);
  }
  await queue.send(name, { type: "job", payload: 2 });
  await queue.send(sessions, { type: "job", payload: 2, orderingKey: "b" });
  await until("both receive again", () => handled() === 4, MAX_SILENCE_MS);
  await Promise.all([plain.stop(), ordered.stop()]);
  expect([plain.handled.size, ordered.handled.size]).toEqual([2, 2]);
});
