import { expect, test } from "vitest";
import { deadLetterName, QueueNames } from "../../../adapters/service-bus/names.ts";
import { handleOf, parseHandle } from "../../../adapters/service-bus/schedule.ts";

test("a logical name maps to the prefix and the name, or to the configured name", () => {
  const names = new QueueNames({ prefix: "prod-", queues: { emails: "mail", orders: { sessions: true } } });
  expect(names.entity("jobs").name).toBe("prod-jobs");
  expect(names.entity("emails").name).toBe("mail");
  expect(names.entity("orders").name).toBe("prod-orders");
  expect(names.facts("orders").sessions).toBe(true);
  expect(names.entity("constructor").name).toBe("prod-constructor");
});

test("dead letters are read from the sub-queue of the same queue", () => {
  const names = new QueueNames({ queues: { emails: "mail" } });
  const queue = names.entity("emails");
  expect(names.entity(deadLetterName(queue))).toEqual({ queue: "emails", name: "mail", isDeadLetters: true });
});

test("two logical names configured for one queue are refused, regardless of case", () => {
  expect(() => new QueueNames({ queues: { one: "Mail", two: { name: "mail" } } })).toThrow(
    'queues: "one" and "two" both mean the queue mail. Give each logical queue a queue of its own.',
  );
});

test("a logical name whose prefixed name belongs to another logical name is refused when it is used", () => {
  const names = new QueueNames({ prefix: "prod-", queues: { emails: "Prod-Mail" } });
  names.entity("emails");
  names.entity("emails/$DeadLetterQueue");
  expect(() => names.entity("mail")).toThrow(
    expect.objectContaining({
      kind: "permanent",
      message: expect.stringContaining('"emails" and "mail" both mean the queue prod-mail') as string,
    }),
  );
  expect(names.entity("emails").name).toBe("Prod-Mail");
});

test("a handle contains the queue and the sequence number, and any other text is refused", () => {
  expect(parseHandle(handleOf("a:b", "72057594037927937"))).toEqual({
    queue: "a:b",
    sequence: 72057594037927937n,
  });
  expect(() => parseHandle("nonsense")).toThrow(/not a handle/);
});
