import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, expect, test } from "vitest";
import { guardLinks } from "../../../adapters/service-bus/connection.ts";
import { serviceBus, type ServiceBusOptions } from "../../../adapters/service-bus/index.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import type { Delivery, Driver, Operation, Outgoing, Source } from "../../../src/driver/index.ts";

const server = await startServiceBusServer({
  queues: [
    "plain",
    "large",
    "dead",
    "mixed",
    "injected",
    "retried",
    "cancelled",
    "foreign",
    { name: "idle", requiresSession: true, lockDurationMs: 60_000 },
    { name: "foreign-ordered", requiresSession: true },
    { name: "ordered", requiresSession: true },
  ],
});
const opened: Driver[] = [];
afterAll(async () => {
  await Promise.all(opened.map((driver) => driver.close()));
  await server.stop();
});

const never: AbortSignal = new AbortController().signal;

function connect(options: Partial<ServiceBusOptions> = {}): ReturnType<typeof serviceBus> {
  const driver = serviceBus({ connectionString: server.connectionString, ...options });
  opened.push(driver);
  return driver;
}

function message(body: string, more: Partial<Outgoing> = {}): Outgoing {
  return { body, attributes: { type: "job" }, delayMs: 0, ...more };
}

/** The next message. Waits until it arrives. */
async function nextOf(source: Source): Promise<Delivery> {
  for (;;) {
    const [delivery] = await source.next(1, never);
    if (delivery !== undefined) return delivery;
  }
}

async function receive(driver: Driver, queue: string, count: number): Promise<Delivery[]> {
  const source = driver.open(queue, { prefetch: count, leaseMs: 30_000, waitMs: 1_000 });
  const got: Delivery[] = [];
  while (got.length < count) got.push(...(await source.next(count - got.length, never)));
  await source.settle(got.map((delivery) => ({ kind: "ack", delivery })));
  await source.stop();
  await source.close();
  return got;
}

test("messages that exceed one batch are sent in a second one, and a message that fits no batch is refused alone", async () => {
  const driver = connect();
  server.resetStats();
  const sizes = [100_000, 100_000, 100_000, 300_000, 10];
  const results = await driver.send(
    "large",
    sizes.map((size) => message("x".repeat(size))),
    never,
  );
  expect(results.map((result) => (result.ok ? "ok" : result.error.kind))).toEqual([
    "ok",
    "ok",
    "ok",
    "too_large",
    "ok",
  ]);
  expect(server.stats.messagesIn).toBe(4);
  expect((await receive(driver, "large", 4)).map(({ body }) => body.length)).toEqual([
    100_000, 100_000, 100_000, 10,
  ]);
});

test("each session is sent in a batch of its own, and each result belongs to its message", async () => {
  const driver = connect();
  server.resetStats();
  const keys = ["a", "b", "a", "x".repeat(200), "b"];
  const results = await driver.send(
    "ordered",
    keys.map((orderingKey, index) => message(`${index}`, { orderingKey })),
    never,
  );
  expect(results.map((result) => (result.ok ? "ok" : result.error.kind))).toEqual([
    "ok",
    "ok",
    "ok",
    "permanent",
    "ok",
  ]);
  expect(server.stats).toMatchObject({ transfersIn: 2, messagesIn: 4 });
});

test("a message whose attributes exceed 64 KB in total is refused", async () => {
  const attributes = Object.fromEntries(
    Array.from({ length: 3 }, (_, index) => [`a${index}`, "x".repeat(30_000)]),
  );
  const [result] = await connect().send("plain", [message("a", { attributes })], never);
  expect(result).toMatchObject({ ok: false, error: { kind: "too_large" } });
});

test.each(["foreign", "foreign-ordered"])(
  "properties of any type are received as attributes from the queue %s",
  async (queue) => {
    const client = new ServiceBusClient(server.connectionString);
    const at = new Date("2026-01-02T03:04:05.678Z");
    await client.createSender(queue).sendMessages({
      body: "text",
      applicationProperties: { at, count: 3, wanted: true, name: "Ada", nothing: null as unknown as string },
      ...(queue === "foreign" ? {} : { sessionId: "s" }),
    });
    await client.close();
    const [got] = await receive(connect(), queue, 1);
    expect(got?.attributes).toEqual({
      at: "2026-01-02T03:04:05.678Z",
      count: "3",
      wanted: "true",
      name: "Ada",
    });
  },
);

test("an injected client is used and stays open when the driver is closed", async () => {
  const client = new ServiceBusClient(server.connectionString, { retryOptions: { maxRetries: 0 } });
  const driver = serviceBus({ client, adminClient: false });
  expect(await driver.send("injected", [message("a")], never)).toEqual([{ ok: true }]);
  expect((await receive(driver, "injected", 1)).map(({ body }) => body.toString())).toEqual(["a"]);
  await driver.close();
  await client.createSender("injected").sendMessages({ body: "still open" });
  await client.close();
});

test("a cancellable delay is scheduled in a request of its own, other delays in one batch", async () => {
  const driver = connect();
  server.resetStats();
  const cancellable = { delayMs: 60_000, cancellable: true };
  const results = await driver.send(
    "cancelled",
    [message("a", cancellable), message("b", { delayMs: 60_000 }), message("c", { delayMs: 60_000 })],
    never,
  );
  const [first] = results;
  const handle = first?.ok === true ? (first.handle ?? "") : "";
  expect(handle).toMatch(/^cancelled:\d+$/);
  expect(results.slice(1)).toEqual([{ ok: true }, { ok: true }]);
  expect(server.stats.transfersIn).toBe(1);
  expect((await driver.stats("cancelled")).delayed).toBe(3);
  expect(await connect().cancel!(handle)).toBe(true);
  expect(await driver.cancel!(handle)).toBe(false);
  expect((await driver.stats("cancelled")).delayed).toBe(2);
});

test("a dead letter keeps its body and its attributes, and has the reason and the description", async () => {
  const driver = connect();
  await driver.send("dead", [message("a", { attributes: { type: "job", qp_attempt: "2" } })], never);
  const source = driver.open("dead", { prefetch: 1, leaseMs: 30_000, waitMs: 1_000 });
  const delivery = await nextOf(source);
  const deadLetter = {
    kind: "dead_letter",
    delivery,
    reason: "r",
    description: "d".repeat(5_000),
    attributes: { qp_dlq: "{}" },
  } as const;
  expect(await source.settle([deadLetter])).toEqual([{ ok: true }]);
  expect(await source.settle([deadLetter])).toEqual([{ ok: true }]);
  expect(await source.settle([{ kind: "ack", delivery }])).toMatchObject([
    { ok: false, error: { kind: "lease_lost" } },
  ]);
  await source.close();
  const [dead] = await receive(driver, "dead/$DeadLetterQueue", 1);
  expect(dead).toMatchObject({
    attributes: { type: "job", qp_attempt: "2", qp_dlq: "{}" },
    deadLetter: { reason: "r", description: "d".repeat(4_096) },
    deliveryCount: 1,
  });
});

test("each of many concurrent settlements gets its own outcome", async () => {
  const driver = connect();
  const count = 60;
  await driver.send(
    "mixed",
    Array.from({ length: count }, (_, index) => message(`${index}`)),
    never,
  );
  const source = driver.open("mixed", { prefetch: count, leaseMs: 30_000, waitMs: 1_000 });
  const got: Delivery[] = [];
  while (got.length < count) got.push(...(await source.next(count - got.length, never)));
  const bodyOf = ({ body }: Delivery): number => Number(body.toString());
  // Alternating outcomes, which rhea would mix up, in one call of settle and in several.
  const operations = got.map((delivery): Operation => {
    const index = bodyOf(delivery);
    if (index % 3 === 0) return { kind: "ack", delivery };
    if (index % 3 === 1)
      return { kind: "dead_letter", delivery, reason: `r${index}`, description: "", attributes: {} };
    return { kind: "release", delivery, delayMs: 0 };
  });
  const results = await Promise.all([
    source.settle(operations.slice(0, 20)),
    source.settle(operations.slice(20, 40)),
    ...operations.slice(40).map((operation) => source.settle([operation])),
  ]);
  expect(results.flat().filter(({ ok }) => !ok)).toEqual([]);
  await source.close();
  const dead = await receive(driver, "mixed/$DeadLetterQueue", count / 3);
  expect(dead.map((one) => [bodyOf(one), one.deadLetter?.reason])).toEqual(
    Array.from({ length: 20 }, (_, index) => [3 * index + 1, `r${3 * index + 1}`]),
  );
  const left = await receive(driver, "mixed", count / 3);
  expect(left.map((one) => [bodyOf(one), one.deliveryCount])).toEqual(
    Array.from({ length: 20 }, (_, index) => [3 * index + 2, 2]),
  );
  for (const queue of ["mixed", "mixed/$DeadLetterQueue"])
    expect(await driver.stats(queue)).toMatchObject({ backlog: 0 });
});

test("a settlement that was refused once succeeds when it is repeated", async () => {
  const driver = connect();
  await driver.send("retried", [message("a")], never);
  const source = driver.open("retried", { prefetch: 1, leaseMs: 30_000, waitMs: 1_000 });
  const delivery = await nextOf(source);
  server.faults.failSettlements("retried", 1);
  const ack = { kind: "ack", delivery } as const;
  expect(await source.settle([ack])).toMatchObject([{ ok: false, error: { kind: "throttled" } }]);
  expect(await source.settle([ack])).toEqual([{ ok: true }]);
  await source.close();
  expect(await driver.stats("retried")).toMatchObject({ backlog: 0 });
});

test("a session for which its receiver has no room is soon received by another process", async () => {
  const [first, second] = [connect(), connect()];
  const options = { prefetch: 1, leaseMs: 30_000, waitMs: 20_000 };
  await first.send("idle", [message("a1", { orderingKey: "a" })], never);
  const [busy, idle] = [first.open("idle", options), second.open("idle", options)];
  const a1 = await nextOf(busy);
  // The first source requests no further message.
  await busy.settle([{ kind: "release", delivery: a1, delayMs: 0 }]);
  const startedAt = performance.now();
  const again = await nextOf(idle);
  expect([Buffer.from(again.body).toString(), again.deliveryCount]).toEqual(["a1", 2]);
  // The lock lasts a minute.
  expect(performance.now() - startedAt).toBeLessThan(30_000);
  await idle.settle([{ kind: "ack", delivery: again }]);
  await Promise.all([busy, idle].map((source) => source.close()));
});

test("a property with a time that no Date can hold is received as text", async () => {
  const client = new ServiceBusClient(server.connectionString);
  await client
    .createSender("foreign")
    .sendMessages({ body: "x", applicationProperties: { at: new Date(Number.NaN) } });
  const [got] = await receive(connect(), "foreign", 1);
  expect(got?.attributes).toEqual({ at: expect.any(String) as string });
  await client.close();
});

test("a link whose close fails causes no unhandled rejection", async () => {
  const link = { close: () => Promise.reject(new Error("no answer")) };
  const receiver = { _streamingReceiver: { link } };
  guardLinks(receiver);
  guardLinks(receiver);
  expect(await link.close()).toBeUndefined();
});

test("a driver without a namespace or credentials is refused with a list of the options", () => {
  expect(() => serviceBus({})).toThrow(/connectionString, or a namespace and a credential/);
  expect(() => serviceBus({ connectionString: "nonsense" })).toThrow(/connectionString/);
});
