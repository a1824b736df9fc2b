import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

describe("a project that is configured by its number, and that the service calls by its id", () => {
  const queues = {
    jobs: { topic: "projects/123/topics/orders", subscription: "projects/123/subscriptions/jobs" },
  };
  const byId = (name: unknown): string => String(name).replace("projects/123/", "projects/p/");
  const found = {
    topic: "projects/p/topics/orders",
    ackDeadlineSeconds: 30,
    messageRetentionDuration: { seconds: 31 * DAY_SECONDS },
    expirationPolicy: {},
    deadLetterPolicy: { deadLetterTopic: "projects/p/topics/jobs-dlq", maxDeliveryAttempts: 15 },
  };
  let other: Driver;
  beforeEach(() => {
    const { publisher, subscriber } = stub.clients;
    other = pubsub({ projectId: "p", clients: { publisher, subscriber }, queues });
    stub.answers["getTopic"] = ({ request }) => ({ name: byId(request["topic"]) });
    stub.answers["getSubscription"] = ({ request }) => ({
      ...found,
      name: byId(request["subscription"]),
      ...(String(request["subscription"]).endsWith("/jobs")
        ? {}
        : {
            topic: byId(request["subscription"]).replace("subscriptions", "topics"),
            deadLetterPolicy: null,
          }),
    });
  });
  afterEach(() => other.close());

  test("has the name of the service as its target, so that copies of both deployments reach it", async () => {
    expect((await other.describe("jobs")).target).toBe("projects/p/subscriptions/jobs");
  });

  test("is polled by the configured name", async () => {
    const source = other.open("jobs", { prefetch: 1, leaseMs: 30_000 });
    await source.next(1, new AbortController().signal);
    await source.close();

    expect(new Set(stub.fields("pull", "subscription"))).toEqual(
      new Set(["projects/123/subscriptions/jobs"]),
    );
  });

  test("has no conflict with its configuration", async () => {
    const changes = (await other.admin?.plan?.("jobs", spec)) ?? [];

    expect(changes.filter(({ setting }) => setting === "topic" || setting === "dead_letter_policy")).toEqual(
      [],
    );
    expect(changes.filter(({ kind }) => kind !== "change")).toEqual([]);
  });

  test("is created again without a question about a topic that has no name", async () => {
    stub.answers["createSubscription"] = () => grpcError(6);
    await other.admin?.ensure("jobs", spec);

    expect(new Set(stub.fields("getTopic", "topic"))).toEqual(
      new Set(["jobs-dlq", "jobs-delay", "orders"].map((name) => `projects/123/topics/${name}`)),
    );
  });

  test("is refused under a second logical name", async () => {
    const { publisher, subscriber } = stub.clients;
    const both = { ...queues, twin: { topic: "orders", subscription: "jobs" } };
    const driverOfBoth = pubsub({ projectId: "p", clients: { publisher, subscriber }, queues: both });
    await driverOfBoth.describe("jobs");

    await expect(driverOfBoth.describe("twin")).rejects.toThrow('"jobs" and "twin" both mean');
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
