import { expect, test } from "vitest";
import { deadLetterName, handleOf, parseHandle, QueueNames } from "../../../adapters/service-bus/names.ts";

test("names go by prefix, by override, and by what is known of the queue", () => {
  const names = new QueueNames({ prefix: "prod-", queues: { emails: "mail", orders: { sessions: true } } });
  expect(names.entity("jobs").name).toBe("prod-jobs");
  expect(names.entity("emails").name).toBe("mail");
  expect(names.entity("orders").name).toBe("prod-orders");
  expect(names.facts("orders").sessions).toBe(true);
  expect(names.entity("constructor").name).toBe("prod-constructor");
});

test("dead letters are read at the sub-queue of the same queue", () => {
  const names = new QueueNames({ queues: { emails: "mail" } });
  const queue = names.entity("emails");
  expect(names.entity(deadLetterName(queue))).toEqual({ queue: "emails", name: "mail", isDeadLetters: true });
});

test("two logical queues cannot mean one, however it is spelled", () => {
  expect(() => new QueueNames({ queues: { one: "Mail", two: { name: "mail" } } })).toThrow(
    'queues: "one" and "two" both mean the queue mail. Give each logical queue a queue of its own.',
  );
});

test("nor when they are used: by the prefix, or by the name itself", () => {
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

test("handles say which queue and which number", () => {
  expect(parseHandle(handleOf("a:b", "72057594037927937"))).toEqual({
    queue: "a:b",
    sequence: 72057594037927937n,
  });
  expect(() => parseHandle("nonsense")).toThrow(/not a handle/);
});
