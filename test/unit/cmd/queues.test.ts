import { expect, test } from "vitest";
import type { ConfigParts } from "../../../adapters/config-file.ts";
import { queuesOf, queueTargets } from "../../../cmd/lib/queues.ts";

const config = (queues: readonly string[]): ConfigParts => ({ worker: { queues } }) as ConfigParts;

test("queues are named once, by the command line or else by the configuration", () => {
  expect(queuesOf(["b", "a", "b"], config(["c"]))).toEqual(["b", "a"]);
  expect(queuesOf([], config(["c", "c"]))).toEqual(["c"]);
});

test("a target has the settings of the flags, or else of the configuration", () => {
  const configured = {
    worker: { queues: ["a"], ordered: ["b.fifo"], leaseMs: 60_000 },
  } as unknown as ConfigParts;
  expect(queueTargets([], configured, {})).toEqual([
    { name: "a", options: { ordering: "none", maxAttempts: undefined, leaseMs: 60_000 } },
  ]);
  expect(queueTargets(["b.fifo"], configured, { lease: 5, maxAttempts: 3, ordered: ["c.fifo"] })).toEqual([
    { name: "b.fifo", options: { ordering: "by_key", maxAttempts: 3, leaseMs: 5 } },
    { name: "c.fifo", options: { ordering: "by_key", maxAttempts: 3, leaseMs: 5 } },
  ]);
});

test.each([
  [["orders", "orders-delay"], []],
  [[], ["orders-dlq", "mail", "orders"]],
])("a queue that belongs to another one is refused: %j, %j", (given, configured) => {
  expect(() => queuesOf(given, config(configured))).toThrow(
    expect.objectContaining({
      code: "config",
      message: expect.stringMatching(/queue of "orders"/) as string,
    }),
  );
});
