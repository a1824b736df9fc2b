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

test("subscriptions on the service keep messages for 31 days and do not expire", async () => {
  await driver.admin?.ensure("jobs", spec);
  const made = stub.requests.filter(({ method }) => method === "createSubscription");
  expect(new Set(made.map(({ request }) => request["name"]))).toEqual(
    new Set(["jobs", "jobs-dlq", "jobs-delay"].map((name) => `projects/p/subscriptions/${name}`)),
  );
  for (const { request } of made) {
    expect(request["messageRetentionDuration"]).toEqual({ seconds: 31 * DAY_SECONDS });
    // An empty policy is no expiry. Without a policy, the expiry would be 31 days.
    expect(request["expirationPolicy"]).toEqual({});
  }
});

test("the main subscription is created last, so that its dead letters always have a subscription", async () => {
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
])("a dead-letter policy for %i deliveries is created with %i", async (wanted, granted) => {
  await driver.admin?.ensure("jobs", { ...spec, brokerMaxDeliveries: wanted });
  expect(stub.fields("createSubscription", "deadLetterPolicy").at(-1)).toMatchObject({
    maxDeliveryAttempts: granted,
  });
});

test("the plan for a subscription whose topic was deleted is a conflict", async () => {
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

test("the error of a denied creation names the missing permission", async () => {
  stub.answers["createTopic"] = () => grpcError(7);
  await expect(driver.admin?.ensure("jobs", spec)).rejects.toMatchObject({
    kind: "auth",
    message: expect.stringContaining("pubsub.topics.create"),
  });
});

test("a call after close opens no connection", async () => {
  const connections = new Connections({ projectId: "p", emulatorHost: "127.0.0.1:1" });
  await connections.close();
  await expect(connections.clients()).rejects.toMatchObject({ kind: "permanent" });
});
