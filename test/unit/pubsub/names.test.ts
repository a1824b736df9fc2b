import { expect, test } from "vitest";
import { Names } from "../../../adapters/pubsub/names.ts";

test("topic and subscription have the name of the queue after the prefix", () => {
  const names = new Names({ prefix: "prod-" });
  expect(names.topic("p", "emails")).toBe("projects/p/topics/prod-emails");
  expect(names.subscription("p", "emails")).toBe("projects/p/subscriptions/prod-emails");
  expect(names.subscription("p", "emails-dlq")).toBe("projects/p/subscriptions/prod-emails-dlq");
  expect(names.sharesTopic("emails")).toBe(false);
});

test("the siblings of a mapped queue are named after its mapped name, without the prefix", () => {
  const names = new Names({ prefix: "prod-", queues: { emails: "mail" } });
  expect(names.pair("emails")).toEqual({ topic: "mail", subscription: "mail" });
  expect(names.pair("emails-delay")).toEqual({ topic: "mail-delay", subscription: "mail-delay" });
  expect(names.pair("other-delay")).toEqual({ topic: "prod-other-delay", subscription: "prod-other-delay" });
});

test("each of several subscriptions on one topic has its own dead letters and delays", () => {
  const names = new Names({
    queues: {
      billing: { topic: "orders", subscription: "orders-billing" },
      stock: { topic: "orders", subscription: "orders-stock" },
    },
  });
  expect(names.topic("p", "billing")).toBe(names.topic("p", "stock"));
  expect(names.topic("p", "billing-dlq")).toBe("projects/p/topics/orders-billing-dlq");
  expect(names.subscription("p", "stock-delay")).toBe("projects/p/subscriptions/orders-stock-delay");
  expect(names.sharesTopic("billing")).toBe(true);
  expect(names.sharesTopic("billing-dlq")).toBe(false);
});

test("a full name can refer to another project", () => {
  const names = new Names({
    queues: {
      events: { topic: "projects/theirs/topics/events", subscription: "events-ours" },
      jobs: "projects/theirs/subscriptions/jobs",
    },
  });
  expect(names.topic("p", "events")).toBe("projects/theirs/topics/events");
  expect(names.subscription("p", "events")).toBe("projects/p/subscriptions/events-ours");
  expect(names.topic("p", "jobs")).toBe("projects/theirs/topics/jobs");
  expect(names.subscription("p", "jobs-dlq")).toBe("projects/theirs/subscriptions/jobs-dlq");
});

test("a full name is refused as the name of a queue, since only the configuration may lead to another project", () => {
  const names = new Names({ queues: { theirs: "projects/theirs/topics/jobs" } });
  const name = "projects/theirs/topics/jobs";
  for (const call of [() => names.topic("p", name), () => names.subscription("p", `${name}-dlq`)]) {
    expect(call).toThrow(
      expect.objectContaining({ kind: "permanent", message: expect.stringContaining("map a name to it") }),
    );
  }
});

test("two logical names for one subscription are refused", () => {
  const queues = { a: "jobs", b: { topic: "other", subscription: "jobs" } };
  expect(() => new Names({ queues })).toThrow(
    expect.objectContaining({ code: "config", message: expect.stringContaining('"a" and "b" both mean') }),
  );
});

test("two logical names that become one subscription by the prefix or a full name are refused", () => {
  const names = new Names({ queues: { a: "jobs", b: "projects/p/subscriptions/jobs" } });
  names.subscription("p", "a");
  for (const other of ["jobs", "b"]) {
    expect(() => names.subscription("p", other)).toThrow(
      expect.objectContaining({
        kind: "permanent",
        message: expect.stringContaining(`"a" and "${other}" both mean`),
      }),
    );
  }
  expect(names.subscription("p", "a")).toBe("projects/p/subscriptions/jobs");
});

test("a topic that is configured with a subscription is shared by the other queues on it", () => {
  const names = new Names({
    queues: { orders: "orders", audit: { topic: "orders", subscription: "orders-audit" } },
  });
  expect([names.sharesTopic("orders"), names.sharesTopic("audit")]).toEqual([true, true]);
  expect(names.sharesTopic("orders-dlq")).toBe(false);
});

test.each(["ab", "1abc", "google-jobs", "jobs/emails", "jöbs", "x".repeat(256)])(
  "an invalid name is refused before the call: %s",
  (name) => {
    expect(() => new Names({}).topic("p", name)).toThrow(
      expect.objectContaining({ kind: "permanent", message: expect.stringContaining("3 to 255") }),
    );
  },
);
