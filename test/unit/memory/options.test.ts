import { expect, test } from "vitest";
import { createQueue } from "../../../src/client/create-queue.ts";
import { memory, type MemoryOptions } from "../../../adapters/memory/index.ts";

test.each<[string, object]>([
  ["an unknown provider", { emulate: "sns" }],
  ["a provider with the name of an object's method", { emulate: "toString" }],
  ["a capacity of 0", { capacity: 0 }],
  ["a capacity that is not a number", { capacity: Number.NaN }],
])("memory() refuses %s", (_, options) => {
  expect(() => memory(options as MemoryOptions)).toThrow(
    expect.objectContaining({ code: "invalid_options" }),
  );
});

test("a queue in memory is declared as that of one process: a second driver gets nothing from it", async () => {
  const drivers = [memory(), memory()] as const;
  const [one, other] = [createQueue(drivers[0]), createQueue(drivers[1])];
  await one.send("jobs", { type: "mail", payload: {} });
  expect([(await one.stats("jobs")).messages, (await other.stats("jobs")).messages]).toEqual([1, 0]);
  expect(drivers.map(({ isProcessLocal }) => isProcessLocal)).toEqual([true, true]);
  await one.close();
  await other.close();
});
