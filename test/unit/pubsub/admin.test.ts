import { afterEach, beforeEach, expect, test } from "vitest";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { Connections } from "../../../adapters/pubsub/clients.ts";
import type { Driver } from "../../../src/driver/index.ts";
import { grpcError, StubService } from "./support.ts";

const DAY_SECONDS = 86_400;
const spec = { brokerMaxDeliveries: 15, leaseMs: 30_000 };
let stub: StubService;
let driver: Driver;
beforeEach(async () => {
  stub = await StubService.start();
  const { publisher, subscriber } = stub.clients;
  driver = pubsub({ projectId: "p", clients: { publisher, subscriber } });
});
afterEach(async () => {
  await driver.close();
  await stub[Symbol.asyncDispose]();
});

test("of the service, what the emulator refuses is asked for: messages are kept for 31 days, by subscriptions that do not expire", async () => {
  await driver.admin?.ensure("jobs", spec);
  const made = stub.requests.filter(({ method }) => method === "createSubscription");
  expect(new Set(made.map(({ request }) => request["name"]))).toEqual(
    new Set(["jobs", "jobs-dlq", "jobs-delay"].map((name) => `projects/p/subscriptions/${name}`)),
  );
  for (const { request } of made) {
    expect(request["messageRetentionDuration"]).toEqual({ seconds: 31 * DAY_SECONDS });
    // Without a time to live: never. Left out, it would be 31 days.
    expect(request["expirationPolicy"]).toEqual({});
  }
});

test("the queue comes last: no message falls through while its dead letters have nowhere to go", async () => {
  await driver.admin?.ensure("jobs", spec);
  expect(stub.requests.at(-1)?.request["name"]).toBe("projects/p/subscriptions/jobs");
  const policies = stub.fields("createSubscription", "deadLetterPolicy");
  expect(policies.filter((policy) => policy !== undefined)).toEqual([
    { deadLetterTopic: "projects/p/topics/jobs-dlq", maxDeliveryAttempts: 15 },
  ]);
});

test.each([
  [1, 5],
  [1_000, 100],
])("a policy for %i deliveries is one for %i, which the service takes", async (wanted, granted) => {
  await driver.admin?.ensure("jobs", { ...spec, brokerMaxDeliveries: wanted });
  expect(stub.fields("createSubscription", "deadLetterPolicy").at(-1)).toMatchObject({
    maxDeliveryAttempts: granted,
  });
});

test("a subscription whose topic was deleted cannot be mended, and the plan says so", async () => {
  stub.answers["getTopic"] = () => ({});
  stub.answers["getSubscription"] = ({ request }) => ({
    name: request["subscription"],
    topic: request["subscription"] === "projects/p/subscriptions/jobs" ? "_deleted-topic_" : "",
  });
  expect(await driver.admin?.plan?.("jobs", spec)).toContainEqual({
    kind: "conflict",
    resource: "subscription jobs",
    setting: "topic",
    from: "_deleted-topic_",
    to: "projects/p/topics/jobs",
  });
});

test("what may not be created says which permission is missing", async () => {
  stub.answers["createTopic"] = () => grpcError(7);
  await expect(driver.admin?.ensure("jobs", spec)).rejects.toMatchObject({
    kind: "auth",
    message: expect.stringContaining("pubsub.topics.create"),
  });
});

test("once closed, nothing that is late opens a connection", async () => {
  const connections = new Connections({ projectId: "p", emulatorHost: "127.0.0.1:1" });
  await connections.close();
  await expect(connections.clients()).rejects.toMatchObject({ kind: "permanent" });
});
