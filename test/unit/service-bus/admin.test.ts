import { ServiceBusAdministrationClient } from "@azure/service-bus";
import { afterAll, expect, test } from "vitest";
import { serviceBus, type ServiceBusOptions } from "../../../adapters/service-bus/index.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver } from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import { MINUTE } from "../support.ts";

const server = await startServiceBusServer({
  queues: [
    "plain",
    "large",
    { name: "described", requiresSession: true, lockDurationMs: 20_000, duplicateDetectionWindowMs: 60_000 },
  ],
});
const opened: Driver[] = [];
afterAll(async () => {
  await Promise.all(opened.map((driver) => driver.close()));
  await server.stop();
});

function connect(options: Partial<ServiceBusOptions> = {}): ReturnType<typeof serviceBus> {
  const driver = serviceBus({ connectionString: server.connectionString, ...options });
  opened.push(driver);
  return driver;
}

test("a queue is described by the administration client, or by the configuration without one", async () => {
  const described = await connect().describe("described");
  expect(described).toMatchObject({
    ordering: "by_key",
    orderingKeyRequired: true,
    dedupWindowMs: 60_000,
    fixedLeaseMs: 20_000,
    brokerMaxDeliveries: 10,
    deadLetter: "native",
    deadLetterQueue: "described/$DeadLetterQueue",
  });
  const configured = connect({
    adminClient: false,
    queues: { described: { sessions: true, lockMs: 15_000 } },
  });
  expect(await configured.describe("described")).toMatchObject({
    ordering: "by_key",
    dedupWindowMs: 0,
    fixedLeaseMs: 15_000,
  });
  expect(await connect({ adminClient: false }).describe("plain")).toMatchObject({
    ordering: "none",
    fixedLeaseMs: 30_000,
  });
  expect(await connect().describe("described/$DeadLetterQueue")).toMatchObject({ ordering: "none" });
});

test("a missing queue is reported as not found, with an administration client and without", async () => {
  for (const adminClient of [undefined, false] as const)
    await expect(connect({ adminClient }).describe("missing")).rejects.toMatchObject({ kind: "not_found" });
});

test("stats contain no counts without an administration client", async () => {
  const stats = await connect({ adminClient: false }).stats("plain");
  expect(stats).toEqual({ approximate: true, asOf: stats.asOf });
});

test("without a reachable administration, stats contain no counts and descriptions come from the configuration", async () => {
  const adminConnectionString = server.connectionString.replace(`:${server.port};`, ":1;");
  const driver = connect({ adminConnectionString, queues: { plain: { lockMs: 15_000 } } });
  const { asOf } = await driver.stats("plain");
  expect(await driver.stats("plain")).toMatchObject({ approximate: true });
  expect(asOf).toBeGreaterThan(0);
  expect(await driver.describe("plain")).toMatchObject({ fixedLeaseMs: 15_000, ordering: "none" });
});

test("a failing administration is tried again for a minute before a queue is assumed to have no sessions", async () => {
  await using proxy = await HttpProxy.start(server);
  const adminConnectionString = server.connectionString.replace(`:${server.port};`, `:${proxy.port};`);
  const clock = new FakeClock();
  const driver = connect({ adminConnectionString, clock });
  const rule = proxy.on({}, { kind: "answer", status: 503, code: "ServerBusyError" });
  await expect(driver.describe("described")).rejects.toMatchObject({
    kind: "transient",
    message: expect.stringContaining('set "sessions" of the queue in the configuration') as string,
  });
  rule.remove();
  expect(await driver.describe("described")).toMatchObject({ ordering: "by_key" });
  // The configuration of one queue does not apply to another.
  rule.remove();
  const mixed = connect({ adminConnectionString, clock, queues: { large: { sessions: false } } });
  proxy.on({}, { kind: "answer", status: 503, code: "ServerBusyError" });
  await mixed.describe("large");
  expect(await mixed.describe("described")).toMatchObject({ ordering: "by_key" });
  // After a minute without an answer, a queue that is not configured is assumed to have no sessions.
  proxy.on({ times: Number.POSITIVE_INFINITY }, { kind: "answer", status: 503, code: "ServerBusyError" });
  const other = connect({ adminConnectionString, clock, queues: { large: { sessions: false } } });
  expect(await other.describe("large")).toMatchObject({ ordering: "none" });
  const last = connect({ adminConnectionString, clock });
  await expect(last.describe("plain")).rejects.toMatchObject({ kind: "transient" });
  await clock.advance(MINUTE);
  expect(await last.describe("plain")).toMatchObject({ ordering: "none" });
});

test("ensure creates a queue with sessions and changes its lock and delivery count, but not its sessions", async () => {
  const { admin } = connect();
  const spec = { ordering: "by_key", brokerMaxDeliveries: 5_000, leaseMs: 1_000 } as const;
  await admin.ensure("made", spec);
  expect(await connect().describe("made")).toMatchObject({
    ordering: "by_key",
    brokerMaxDeliveries: 2_000,
    fixedLeaseMs: 5_000,
    dedupWindowMs: 600_000,
  });
  await admin.ensure("made", { ...spec, brokerMaxDeliveries: 40, leaseMs: 60_000 });
  expect(await connect().describe("made")).toMatchObject({ brokerMaxDeliveries: 40, fixedLeaseMs: 60_000 });
  await expect(admin.ensure("made", { ...spec, ordering: "none" })).rejects.toMatchObject({
    kind: "permanent",
  });
  await admin.drop("made");
  await admin.drop("made");
  await expect(connect().describe("made")).rejects.toMatchObject({ kind: "not_found" });
});

test("ensure succeeds while other processes create the same queue", async () => {
  const spec = { brokerMaxDeliveries: 10, leaseMs: 30_000 };
  await Promise.all(Array.from({ length: 3 }, () => connect().admin.ensure("raced", spec)));
  expect(await connect().describe("raced")).toMatchObject({ fixedLeaseMs: 30_000 });
});

test("the size limit of a queue counts below that of the driver", async () => {
  const adminClient = new ServiceBusAdministrationClient(server.connectionString);
  adminClient.pipeline.addPolicy({
    name: "http-and-limit",
    async sendRequest(request, next) {
      request.url = request.url.replace(/^https:/, "http:");
      request.allowInsecureConnection = true;
      const response = await next(request);
      const stated = "<MaxMessageSizeInKilobytes>64</MaxMessageSizeInKilobytes><MaxDeliveryCount>";
      return { ...response, bodyAsText: response.bodyAsText?.replace("<MaxDeliveryCount>", stated) ?? null };
    },
  });
  const queue = createQueue(connect({ adminClient }));
  await queue.ensure("sized");
  expect((await queue.describe("sized")).limits.maxMessageBytes).toBe(65_536);
  const sent = queue.send("sized", { type: "job", payload: "x".repeat(62_000) });
  await expect(sent).rejects.toMatchObject({
    code: "too_large",
    message: expect.stringContaining("takes 61440") as string,
  });
});
