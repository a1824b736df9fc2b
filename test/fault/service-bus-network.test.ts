import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { DEAF_MS, jobs, startServiceBusBed, until, work } from "../support/service-bus-bed.ts";
import { TcpProxy } from "../support/proxy/tcp-proxy.ts";

const { server, freshQueue, connect } = await startServiceBusBed();
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

test("a thousand messages are all handled while the network cuts ten times", async () => {
  const name = await freshQueue({ lockDurationMs: 5_000 });
  const { proxy, queue } = await throughProxy();
  await connect().sendBatch(name, jobs(1_000));
  const working = work(queue, name, () => sleep(5));
  for (let cuts = 1; cuts <= 10; cuts += 1) {
    await until(`${cuts} cuts' worth`, () => working.handled.size >= cuts * 80);
    // What was cut before may not be back yet.
    await until("a connection to cut", () => proxy.cutAll() > 0);
  }
  await until("all of them", () => working.handled.size >= 1_000);
  await working.stop();
  expect(working.deafMs).toBeLessThan(DEAF_MS);
});

describe.each([
  ["a queue", false],
  ["a queue with sessions", true],
])("%s is heard of soon", (_what, requiresSession) => {
  const job = (index: number): { type: string; payload: number; orderingKey?: string } => ({
    type: "job",
    payload: index,
    ...(requiresSession ? { orderingKey: `key ${index}` } : {}),
  });

  test("once a network that stood still for six seconds goes on", async () => {
    const name = await freshQueue({ requiresSession });
    const { proxy, queue } = await throughProxy();
    const direct = connect();
    const working = work(queue, name);
    await direct.send(name, job(0));
    await until("the first", () => working.runs === 1);
    const goOn = proxy.stall();
    await direct.sendBatch(name, [job(1), job(2)]);
    await sleep(6_000);
    goOn();
    await until("the others", () => working.handled.size === 3, DEAF_MS);
    await direct.send(name, job(3));
    await until("one that comes later", () => working.handled.size === 4, DEAF_MS);
    await working.stop();
    expect(working.runs).toBeLessThanOrEqual(6);
  });

  test("once a server that nobody could reach for fifteen seconds is there again", async () => {
    const name = await freshQueue({ requiresSession });
    const { proxy, queue } = await throughProxy();
    const direct = connect();
    const working = work(queue, name);
    await direct.send(name, job(0));
    await until("the first", () => working.runs === 1);
    proxy.refuse();
    proxy.cutAll();
    await direct.sendBatch(name, [job(1), job(2)]);
    await sleep(15_000);
    await proxy.accept();
    await until("the others", () => working.handled.size === 3, DEAF_MS);
    await working.stop();
    expect(working.events.some(({ event }) => event === "poll_failed")).toBe(true);
  });
});

test("a server that stalls and goes on is received from again", async () => {
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

test("links that the service closes while a worker idles are open again before the next message", async () => {
  const name = await freshQueue();
  const sessions = await freshQueue({ requiresSession: true });
  const queue = connect();
  const [plain, ordered] = [work(queue, name), work(queue, sessions)];
  await queue.send(name, { type: "job", payload: 1 });
  await queue.send(sessions, { type: "job", payload: 1, orderingKey: "a" });
  // By their ids: under load a message may come twice.
  const handled = (): number => plain.handled.size + ordered.handled.size;
  await until("both run", () => handled() === 2);
  for (let idle = 0; idle < 5; idle += 1) {
    await until("links to close", async () => (await server.detachLinks()) > 0);
    await sleep(400);
  }
  await queue.send(name, { type: "job", payload: 2 });
  await queue.send(sessions, { type: "job", payload: 2, orderingKey: "b" });
  await until("both run again", () => handled() === 4, DEAF_MS);
  await Promise.all([plain.stop(), ordered.stop()]);
  expect([plain.handled.size, ordered.handled.size]).toEqual([2, 2]);
});
