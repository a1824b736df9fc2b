import { expect, test } from "vitest";
import type { ConfigParts } from "../../../adapters/config-file.ts";
import { queuesOf } from "../../../cmd/lib/queues.ts";

const config = (queues: readonly string[]): ConfigParts => ({ worker: { queues } }) as ConfigParts;

test("queues are named once, by the command line or else by the configuration", () => {
  expect(queuesOf(["b", "a", "b"], config(["c"]))).toEqual(["b", "a"]);
  expect(queuesOf([], config(["c", "c"]))).toEqual(["c"]);
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
