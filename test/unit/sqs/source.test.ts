import { afterAll, beforeAll, expect, test } from "vitest";
import { sqs, type SqsOptions } from "../../../adapters/sqs/index.ts";
import type { Delivery, Driver, Source } from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import { clientOptions, type SqsServer, startFauxqsHere } from "../../support/sqs-server.ts";

const SPEC = { brokerMaxDeliveries: 100, leaseMs: 30_000 };
const never = new AbortController().signal;
let server: SqsServer;
let proxy: HttpProxy;

beforeAll(async () => {
  server = await startFauxqsHere();
  const { hostname, port } = new URL(server.endpoint);
  proxy = await HttpProxy.start({ host: hostname, port: Number(port) });
});
afterAll(async () => {
  await proxy.close();
  await server.close();
});

async function open(queue: string, options: SqsOptions): Promise<{ driver: Driver; source: Source }> {
  const driver = sqs({ ...clientOptions(proxy), ...options });
  const ordering = queue.endsWith(".fifo") ? "by_key" : "none";
  await driver.admin?.ensure(queue, { ...SPEC, ordering });
  return { driver, source: driver.open(queue, { prefetch: 10, leaseMs: 30_000 }) };
}

test("one of several polls at once waits for long, and the others for a second", async () => {
  const { driver, source } = await open("polls", { waitSeconds: 2 });
  const waits: unknown[] = [];
  const watched = proxy.on(
    { operation: "ReceiveMessage", where: ({ json }) => waits.push(json?.["WaitTimeSeconds"]) < 0 },
    { kind: "black_hole" },
  );
  await Promise.all([source.next(10, never), source.next(10, never), source.next(10, never)]);
  await source.next(10, never);
  expect(waits).toEqual([2, 1, 1, 2]);
  watched.remove();
  await source.stop();
  await driver.close();
});

test("a message that arrives after its poll was aborted is returned by stop", async () => {
  const { driver, source } = await open("late", { waitSeconds: 15 });
  const leave = new AbortController();
  const asked = proxy.on({ operation: "ReceiveMessage" }, { kind: "stall", until: Promise.resolve() });
  const left = source.next(10, leave.signal);
  await asked.applied;
  leave.abort();
  expect(await left).toEqual([]);
  await driver.send("late", [{ body: "{}", attributes: {}, delayMs: 0 }], never);
  const late = await source.stop();
  expect(late.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([["{}", 1]]);
  await driver.close();
});

test("two messages without a deduplication id are both stored in a FIFO queue", async () => {
  const { driver, source } = await open("ids.fifo", { waitSeconds: 1 });
  const message = { body: "{}", attributes: {}, delayMs: 0, orderingKey: "key" };
  await driver.send("ids.fifo", [message, message], never);
  expect(await driver.stats("ids.fifo")).toMatchObject({ ready: 2 });
  await source.stop();
  await driver.close();
});

test.each([
  [0, 0],
  [1_000, 0],
  [60_000, 0],
  [60_000, -3_600_000],
])(
  "an answer that took %d ms, while the time of day was set by %d ms, has the rest of its lease",
  async (tookMs, byMs) => {
    const clock = new FakeClock();
    const { driver, source } = await open(`slow-${tookMs}-${-byMs}`, { waitSeconds: 1, clock });
    await driver.send(`slow-${tookMs}-${-byMs}`, [{ body: "{}", attributes: {}, delayMs: 0 }], never);
    const answer = Promise.withResolvers<void>();
    const asked = proxy.on({ operation: "ReceiveMessage" }, { kind: "stall", until: answer.promise });
    const polled = source.next(10, never);
    await asked.applied;
    await clock.advance(tookMs);
    clock.setTime(clock.now() + byMs);
    answer.resolve();
    const [delivery] = await polled;
    // The wait of a second and two seconds on the way do not count.
    const restMs = 30_000 - Math.max(0, tookMs - 3_000);
    expect((delivery as Delivery).leaseUntil - clock.now()).toBe(restMs);
    await source.stop();
    await driver.close();
  },
);
